-- answer
SELECT pg_catalog.to_json(r.*) AS body 
FROM (SELECT t0."shop_id" AS shop_id, t0."book_id" AS book_id, t0."quantity" AS quantity, t0."shelf" AS shelf, t0."counted_at" AS counted_at 
FROM "public"."stock" AS t0 
WHERE t0."shop_id" = CAST($1 AS pg_catalog.int2) AND t0."book_id" = CAST($2 AS pg_catalog.int8) 
 LIMIT 1) AS r
