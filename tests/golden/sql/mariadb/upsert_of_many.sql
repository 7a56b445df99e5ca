-- met
SELECT json_array(t0.`shop_id`, t0.`book_id`) AS `key`, t0.`shop_id` AS carried0, t0.`book_id` AS carried1, given.n AS place, CASE WHEN true THEN 1 ELSE 0 END AS found0 
FROM `bookshop`.`stock` AS t0 INNER JOIN (WITH listed (n, c0, c1, c2) AS (VALUES %s) SELECT listed.n AS n, listed.c0 AS c0, listed.c1 AS c1, listed.c2 AS c2 FROM listed) AS given ON t0.`shop_id` = given.c0 AND t0.`book_id` = given.c1 ORDER BY given.n FOR UPDATE

-- made
INSERT INTO `bookshop`.`stock` (`shop_id`, `book_id`, `quantity`) SELECT given.c0, given.c1, given.c2 
FROM (WITH listed (n, c0, c1, c2) AS (VALUES %s) SELECT listed.n AS n, listed.c0 AS c0, listed.c1 AS c1, listed.c2 AS c2 FROM listed) AS given ORDER BY given.n RETURNING json_array(`stock`.`shop_id`, `stock`.`book_id`) AS `key`, `stock`.`shop_id` AS carried0, `stock`.`book_id` AS carried1

-- done
UPDATE `bookshop`.`stock`, (WITH listed (n, c0, c1, c2) AS (VALUES %s) SELECT listed.n AS n, listed.c0 AS c0, listed.c1 AS c1, listed.c2 AS c2 FROM listed) AS given SET `stock`.`quantity`=given.c2 WHERE `stock`.`shop_id` = given.c0 AND `stock`.`book_id` = given.c1 AND given.n IS NOT NULL

-- shown
SELECT json_object('shop_id', t0.`shop_id`, 'book_id', t0.`book_id`, 'quantity', t0.`quantity`, 'shelf', t0.`shelf`, 'counted_at', TRIM(TRAILING '.' FROM TRIM(TRAILING '0' FROM DATE_FORMAT(NULLIF(t0.`counted_at`, 0), '%%Y-%%m-%%dT%%H:%%i:%%s.%%f')))) AS `body`, json_array(t0.`shop_id`, t0.`book_id`) AS `key`, t0.`shop_id` AS carried0, t0.`book_id` AS carried1 
FROM `bookshop`.`stock` AS t0 
WHERE (t0.`shop_id`, t0.`book_id`) IN (%s)
