-- answer
SELECT coalesce(JSON_ARRAYAGG(json_object('id', page.`id`, 'isbn', page.`isbn`, 'title', page.`title`, 'subtitle', page.`subtitle`, 'publisher_code', page.`publisher_code`, 'category_id', page.`category_id`, 'status', page.`status`, 'publish_at', CONCAT(TRIM(TRAILING '.' FROM TRIM(TRAILING '0' FROM DATE_FORMAT(NULLIF(page.`publish_at`, 0), '%%Y-%%m-%%dT%%H:%%i:%%s.%%f'))), '+00:00'), 'price', page.`price`, 'pages', page.`pages`, 'weight', page.`weight`, 'in_print', (page.`in_print` <> 0), 'attributes', JSON_COMPACT(page.`attributes`), 'created_at', CONCAT(TRIM(TRAILING '.' FROM TRIM(TRAILING '0' FROM DATE_FORMAT(NULLIF(page.`created_at`, 0), '%%Y-%%m-%%dT%%H:%%i:%%s.%%f'))), '+00:00'), 'updated_at', CONCAT(TRIM(TRAILING '.' FROM TRIM(TRAILING '0' FROM DATE_FORMAT(NULLIF(page.`updated_at`, 0), '%%Y-%%m-%%dT%%H:%%i:%%s.%%f'))), '+00:00')) ORDER BY page.`key 0` IS NULL DESC, page.`key 0` DESC, page.`subtitle` IS NULL ASC, page.`subtitle` ASC, page.`id` ASC LIMIT 10), JSON_ARRAY()) AS `body`, count(*) AS seen, json_extract(JSON_ARRAYAGG(json_array(page.`key 0`, page.`subtitle`, page.`id`) ORDER BY page.`key 0` IS NULL DESC, page.`key 0` DESC, page.`subtitle` IS NULL ASC, page.`subtitle` ASC, page.`id` ASC LIMIT 9, 1), '$[0]') AS last 
FROM (SELECT t0.`id` AS id, t0.`isbn` AS isbn, t0.`title` AS title, t0.`subtitle` AS subtitle, t0.`publisher_code` AS publisher_code, t0.`category_id` AS category_id, t0.`status` AS status, t0.`publish_at` AS publish_at, t0.`price` AS price, t0.`pages` AS pages, t0.`weight` AS weight, t0.`in_print` AS in_print, t0.`attributes` AS attributes, t0.`created_at` AS created_at, t0.`updated_at` AS updated_at, (SELECT t1.`name` 
FROM `bookshop`.`category` AS t1 
WHERE t0.`category_id` = t1.`id` 
 LIMIT 1) AS `key 0` 
FROM `bookshop`.`book` AS t0 
WHERE EXISTS (SELECT 1 
FROM `bookshop`.`review` AS t2 
WHERE t0.`id` = t2.`book_id` AND t2.`rating` >= %s) ORDER BY (SELECT t3.`name` 
FROM `bookshop`.`category` AS t3 
WHERE t0.`category_id` = t3.`id` 
 LIMIT 1) IS NULL DESC, (SELECT t3.`name` 
FROM `bookshop`.`category` AS t3 
WHERE t0.`category_id` = t3.`id` 
 LIMIT 1) DESC, t0.`subtitle` IS NULL ASC, t0.`subtitle` ASC, t0.`id` ASC 
 LIMIT 11) AS page
