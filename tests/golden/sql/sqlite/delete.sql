-- row
DELETE FROM "main"."stock" WHERE "stock"."shop_id" = ? AND "stock"."book_id" = ? RETURNING 1
