-- changed
UPDATE "public"."book" SET "price"=("book"."price" + CAST(CAST($1 AS pg_catalog.text) AS pg_catalog.numeric)) WHERE "book"."status" = CAST(CAST($2 AS pg_catalog.text) AS "public"."publication_status") RETURNING pg_catalog.json_build_array("book"."id") AS key, "book"."id" AS carried0

-- shown
SELECT (SELECT pg_catalog.to_json(r.*) AS to_json_1 
FROM (SELECT t0."id" AS id, t0."isbn" AS isbn, t0."title" AS title, t0."subtitle" AS subtitle, t0."publisher_code" AS publisher_code, t0."category_id" AS category_id, t0."status" AS status, t0."publish_at" AS publish_at, t0."price" AS price, t0."pages" AS pages, t0."weight" AS weight, t0."in_print" AS in_print, t0."attributes" AS attributes, t0."created_at" AS created_at, t0."updated_at" AS updated_at) AS r) AS body, pg_catalog.json_build_array(t0."id") AS key, t0."id" AS carried0 
FROM "public"."book" AS t0 
WHERE t0."id" = any(CAST($1 AS pg_catalog.int8[])) ORDER BY t0."id" ASC 
 LIMIT 10
