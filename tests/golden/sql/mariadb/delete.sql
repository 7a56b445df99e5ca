-- row
DELETE FROM `bookshop`.`stock` WHERE `stock`.`shop_id` = %s AND `stock`.`book_id` = %s RETURNING 1
