-- changed
SELECT json_array(t0.`id`) AS `key`, t0.`id` AS carried0, CASE WHEN true THEN 1 ELSE 0 END AS found0 
FROM `bookshop`.`book` AS t0 
WHERE t0.`status` = %s 
 LIMIT %s FOR UPDATE

-- done
UPDATE `bookshop`.`book` SET `price`=(`book`.`price` + %s) WHERE `book`.`id` IN (%s)

-- shown
SELECT json_object('id', t0.`id`, 'isbn', t0.`isbn`, 'title', t0.`title`, 'subtitle', t0.`subtitle`, 'publisher_code', t0.`publisher_code`, 'category_id', t0.`category_id`, 'status', t0.`status`, 'publish_at', CONCAT(TRIM(TRAILING '.' FROM TRIM(TRAILING '0' FROM DATE_FORMAT(NULLIF(t0.`publish_at`, 0), '%%Y-%%m-%%dT%%H:%%i:%%s.%%f'))), '+00:00'), 'price', t0.`price`, 'pages', t0.`pages`, 'weight', t0.`weight`, 'in_print', (t0.`in_print` <> 0), 'attributes', JSON_COMPACT(t0.`attributes`), 'created_at', CONCAT(TRIM(TRAILING '.' FROM TRIM(TRAILING '0' FROM DATE_FORMAT(NULLIF(t0.`created_at`, 0), '%%Y-%%m-%%dT%%H:%%i:%%s.%%f'))), '+00:00'), 'updated_at', CONCAT(TRIM(TRAILING '.' FROM TRIM(TRAILING '0' FROM DATE_FORMAT(NULLIF(t0.`updated_at`, 0), '%%Y-%%m-%%dT%%H:%%i:%%s.%%f'))), '+00:00')) AS `body`, json_array(t0.`id`) AS `key`, t0.`id` AS carried0 
FROM `bookshop`.`book` AS t0 
WHERE t0.`id` IN (%s) ORDER BY t0.`id` ASC 
 LIMIT 10
