-- made
INSERT INTO `bookshop`.`category` (`name`, `position`) SELECT given.c0, given.c1 
FROM (WITH listed (n, c0, c1) AS (VALUES %s) SELECT listed.n AS n, listed.c0 AS c0, listed.c1 AS c1 FROM listed) AS given ORDER BY given.n RETURNING json_array(`category`.`id`) AS `key`, `category`.`id` AS carried0

-- made
INSERT INTO `bookshop`.`category` (`name`) SELECT given.c0 
FROM (WITH listed (n, c0) AS (VALUES %s) SELECT listed.n AS n, listed.c0 AS c0 FROM listed) AS given ORDER BY given.n RETURNING json_array(`category`.`id`) AS `key`, `category`.`id` AS carried0

-- made
INSERT INTO `bookshop`.`category` () VALUES () RETURNING json_array(`category`.`id`) AS `key`, `category`.`id` AS carried0

-- held
SELECT count(*) AS held 
FROM `bookshop`.`category` AS t0 
WHERE (t0.`id` IN (%s)) AND t0.`position` >= %s

-- shown
SELECT json_object('id', t0.`id`, 'parent_id', t0.`parent_id`, 'name', t0.`name`, 'position', t0.`position`) AS `body`, json_array(t0.`id`) AS `key`, t0.`id` AS carried0 
FROM `bookshop`.`category` AS t0 
WHERE t0.`id` IN (%s)
