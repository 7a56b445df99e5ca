-- met
SELECT pg_catalog.json_build_array(t0."shop_id", t0."book_id") AS key, t0."shop_id" AS carried0, t0."book_id" AS carried1, given.n AS place, CASE WHEN true THEN 1 ELSE 0 END AS found0 
FROM "public"."stock" AS t0 JOIN (SELECT listed.n AS n, listed.c0 AS c0, listed.c1 AS c1, listed.c2 AS c2 FROM ROWS FROM (pg_catalog.unnest(CAST($1 AS pg_catalog.int8[])), pg_catalog.unnest(CAST($2 AS pg_catalog.int2[])), pg_catalog.unnest(CAST($3 AS pg_catalog.int8[])), pg_catalog.unnest(CAST($4 AS pg_catalog.int4[]))) AS listed(n, c0, c1, c2)) AS given ON t0."shop_id" = given.c0 AND t0."book_id" = given.c1 ORDER BY given.n FOR UPDATE OF t0

-- made
INSERT INTO "public"."stock" ("shop_id", "book_id", "quantity") SELECT given.c0, given.c1, given.c2 
FROM (SELECT listed.n AS n, listed.c0 AS c0, listed.c1 AS c1, listed.c2 AS c2 FROM ROWS FROM (pg_catalog.unnest(CAST($1 AS pg_catalog.int8[])), pg_catalog.unnest(CAST($2 AS pg_catalog.int2[])), pg_catalog.unnest(CAST($3 AS pg_catalog.int8[])), pg_catalog.unnest(CAST($4 AS pg_catalog.int4[]))) AS listed(n, c0, c1, c2)) AS given ORDER BY given.n RETURNING pg_catalog.json_build_array("stock"."shop_id", "stock"."book_id") AS key, "stock"."shop_id" AS carried0, "stock"."book_id" AS carried1

-- done
UPDATE "public"."stock" SET "quantity"=given.c2 FROM (SELECT listed.n AS n, listed.c0 AS c0, listed.c1 AS c1, listed.c2 AS c2 FROM ROWS FROM (pg_catalog.unnest(CAST($1 AS pg_catalog.int8[])), pg_catalog.unnest(CAST($2 AS pg_catalog.int2[])), pg_catalog.unnest(CAST($3 AS pg_catalog.int8[])), pg_catalog.unnest(CAST($4 AS pg_catalog.int4[]))) AS listed(n, c0, c1, c2)) AS given WHERE "stock"."shop_id" = given.c0 AND "stock"."book_id" = given.c1 AND given.n IS NOT NULL

-- shown
SELECT (SELECT pg_catalog.to_json(r.*) AS to_json_1 
FROM (SELECT t0."shop_id" AS shop_id, t0."book_id" AS book_id, t0."quantity" AS quantity, t0."shelf" AS shelf, t0."counted_at" AS counted_at) AS r) AS body, pg_catalog.json_build_array(t0."shop_id", t0."book_id") AS key, t0."shop_id" AS carried0, t0."book_id" AS carried1 
FROM "public"."stock" AS t0 
WHERE (t0."shop_id", t0."book_id") IN (SELECT listed.c0, listed.c1 
FROM (SELECT listed.n AS n, listed.c0 AS c0, listed.c1 AS c1 FROM ROWS FROM (pg_catalog.unnest(CAST($1 AS pg_catalog.int8[])), pg_catalog.unnest(CAST($2 AS pg_catalog.int2[])), pg_catalog.unnest(CAST($3 AS pg_catalog.int8[]))) AS listed(n, c0, c1)) AS listed)
