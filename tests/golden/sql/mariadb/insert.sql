-- row
INSERT INTO `bookshop`.`category` (`name`, `position`) VALUES (%s, %s) RETURNING json_array(`category`.`id`) AS `key`, `category`.`id`

-- answer
SELECT (SELECT json_object('id', t0.`id`, 'parent_id', t0.`parent_id`, 'name', t0.`name`, 'position', t0.`position`) AS `body` 
FROM `bookshop`.`category` AS t0 
WHERE t0.`id` = %s 
 LIMIT 1) AS `body`
