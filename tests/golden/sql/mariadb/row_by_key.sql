-- answer
SELECT json_object('shop_id', t0.`shop_id`, 'book_id', t0.`book_id`, 'quantity', t0.`quantity`, 'shelf', t0.`shelf`, 'counted_at', TRIM(TRAILING '.' FROM TRIM(TRAILING '0' FROM DATE_FORMAT(NULLIF(t0.`counted_at`, 0), '%%Y-%%m-%%dT%%H:%%i:%%s.%%f')))) AS `body` 
FROM `bookshop`.`stock` AS t0 
WHERE t0.`shop_id` = %s AND t0.`book_id` = %s 
 LIMIT 1
