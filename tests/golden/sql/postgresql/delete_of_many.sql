-- changed
SELECT pg_catalog.json_build_array(t0."id") AS key, t0."id" AS carried0 
FROM "public"."book" AS t0 
WHERE t0."status" = CAST(CAST($1 AS pg_catalog.text) AS "public"."publication_status") 
 LIMIT CAST($2 AS pg_catalog.int8) FOR UPDATE OF t0

-- shown
SELECT (SELECT pg_catalog.to_json(r.*) AS to_json_1 
FROM (SELECT t0."id" AS id, t0."isbn" AS isbn, t0."title" AS title, t0."subtitle" AS subtitle, t0."publisher_code" AS publisher_code, t0."category_id" AS category_id, t0."status" AS status, t0."publish_at" AS publish_at, t0."price" AS price, t0."pages" AS pages, t0."weight" AS weight, t0."in_print" AS in_print, t0."attributes" AS attributes, t0."created_at" AS created_at, t0."updated_at" AS updated_at, (SELECT pg_catalog.to_json(r.*) AS body 
FROM (SELECT t1."code" AS code, t1."name" AS name, t1."country" AS country, t1."founded_on" AS founded_on, t1."website" AS website, t1."note" AS note 
FROM "public"."publisher" AS t1 
WHERE t0."publisher_code" = t1."code" 
 LIMIT 1) AS r) AS publisher) AS r) AS body, pg_catalog.json_build_array(t0."id") AS key, t0."id" AS carried0 
FROM "public"."book" AS t0 
WHERE t0."id" = any(CAST($1 AS pg_catalog.int8[])) ORDER BY t0."id" ASC 
 LIMIT CAST($2 AS pg_catalog.int8)

-- done
DELETE FROM "public"."book" WHERE "book"."id" = any(CAST($1 AS pg_catalog.int8[]))
