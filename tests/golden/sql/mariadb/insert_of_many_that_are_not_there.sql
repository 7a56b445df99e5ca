-- met
SELECT given.n AS place 
FROM `bookshop`.`tag` AS t0 INNER JOIN (WITH listed (n, c0) AS (VALUES %s) SELECT listed.n AS n, listed.c0 AS c0 FROM listed) AS given ON t0.`name` = CONVERT(given.c0 USING utf8mb4) COLLATE utf8mb4_general_ci FOR UPDATE

-- met
SELECT numbered.n AS place 
FROM (SELECT given.n AS n, row_number() OVER (PARTITION BY CONVERT(given.c0 USING utf8mb4) COLLATE utf8mb4_general_ci ORDER BY given.n) AS number 
FROM (WITH listed (n, c0) AS (VALUES %s) SELECT listed.n AS n, listed.c0 AS c0 FROM listed) AS given 
WHERE given.c0 IS NOT NULL) AS numbered 
WHERE numbered.number > 1

-- made
INSERT INTO `bookshop`.`tag` (`name`) SELECT given.c0 
FROM (WITH listed (n, c0) AS (VALUES %s) SELECT listed.n AS n, listed.c0 AS c0 FROM listed) AS given ORDER BY given.n RETURNING json_array(`tag`.`name`) AS `key`, `tag`.`name` AS carried0
