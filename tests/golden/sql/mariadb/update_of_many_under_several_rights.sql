-- changed
SELECT json_array(t0.`id`) AS `key`, t0.`id` AS carried0, CASE WHEN (t0.`price` < %s) THEN 1 ELSE 0 END AS found0, CASE WHEN (t0.`status` = %s) THEN 1 ELSE 0 END AS found1 
FROM `bookshop`.`book` AS t0 
WHERE t0.`id` IN (%s, %s) AND (t0.`price` < %s OR t0.`status` = %s) FOR UPDATE

-- changed
SELECT json_array(t0.`id`) AS `key`, t0.`id` AS carried0, CASE WHEN true THEN 1 ELSE 0 END AS found0 
FROM `bookshop`.`book` AS t0 
WHERE t0.`id` IN (%s, %s) AND CASE WHEN (t0.`price` < %s OR t0.`status` = %s) THEN 1 ELSE 0 END = 0 FOR UPDATE

-- done
UPDATE `bookshop`.`book` SET `title`=%s WHERE `book`.`id` IN (%s)

-- done
UPDATE `bookshop`.`book` SET `title`=%s, `in_print`=%s WHERE `book`.`id` IN (%s)

-- held
SELECT count(*) AS held 
FROM `bookshop`.`book` AS t0 INNER JOIN (WITH listed (n, c0, c1, c2) AS (VALUES %s) SELECT listed.n AS n, listed.c0 AS c0, listed.c1 AS c1, listed.c2 AS c2 FROM listed) AS t1 ON t0.`id` = t1.c0 
WHERE t1.c1 = 1 AND t0.`price` < %s OR t1.c2 = 1
