-- row
DELETE FROM "public"."stock" WHERE "stock"."shop_id" = CAST($1 AS pg_catalog.int2) AND "stock"."book_id" = CAST($2 AS pg_catalog.int8) RETURNING 1
