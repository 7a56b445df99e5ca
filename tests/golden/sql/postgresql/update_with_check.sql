-- answer
UPDATE "public"."book" SET "title"=CAST(CAST($1 AS pg_catalog.text) AS pg_catalog.varchar), "price"=CAST(CAST($2 AS pg_catalog.text) AS pg_catalog.numeric) WHERE "book"."id" = CAST($3 AS pg_catalog.int8) RETURNING (SELECT pg_catalog.to_json(r.*) AS to_json_1 
FROM (SELECT "book"."id" AS id, "book"."isbn" AS isbn, "book"."title" AS title, "book"."subtitle" AS subtitle, "book"."publisher_code" AS publisher_code, "book"."category_id" AS category_id, "book"."status" AS status, "book"."publish_at" AS publish_at, "book"."price" AS price, "book"."pages" AS pages, "book"."weight" AS weight, "book"."in_print" AS in_print, "book"."attributes" AS attributes, "book"."created_at" AS created_at, "book"."updated_at" AS updated_at, (SELECT pg_catalog.to_json(r.*) AS body 
FROM (SELECT t0."code" AS code, t0."name" AS name, t0."country" AS country, t0."founded_on" AS founded_on, t0."website" AS website, t0."note" AS note 
FROM "public"."publisher" AS t0 
WHERE "book"."publisher_code" = t0."code" 
 LIMIT 1) AS r) AS publisher) AS r) AS body, "book"."status" != CAST(CAST($4 AS pg_catalog.text) AS "public"."publication_status") AS holds, "book"."id" AS key
