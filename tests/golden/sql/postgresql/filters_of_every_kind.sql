-- answer
WITH page AS MATERIALIZED 
(SELECT t0."id" AS id, t0."isbn" AS isbn, t0."title" AS title, t0."subtitle" AS subtitle, t0."publisher_code" AS publisher_code, t0."category_id" AS category_id, t0."status" AS status, t0."publish_at" AS publish_at, t0."price" AS price, t0."pages" AS pages, t0."weight" AS weight, t0."in_print" AS in_print, t0."attributes" AS attributes, t0."created_at" AS created_at, t0."updated_at" AS updated_at 
FROM "public"."book" AS t0 
WHERE t0."price" >= CAST(CAST($1 AS pg_catalog.text) AS pg_catalog.numeric) AND t0."price" <= CAST(CAST($2 AS pg_catalog.text) AS pg_catalog.numeric) AND CAST(t0."title" AS pg_catalog.text) ILIKE CAST($3 AS pg_catalog.text) AND NOT (t0."status" = any(CAST(CAST($4 AS pg_catalog.text[]) AS "public"."publication_status"[]))) AND NOT (t0."subtitle" IS NULL) AND t0."publish_at" < CAST(CAST($5 AS pg_catalog.text) AS pg_catalog.timestamptz) ORDER BY t0."id" ASC 
 LIMIT CAST($6 AS pg_catalog.int8) OFFSET CAST($7 AS pg_catalog.int8))
 SELECT (SELECT coalesce(pg_catalog.json_agg(r), '[]'::pg_catalog.json) AS body 
FROM (SELECT page."id" AS id, page."isbn" AS isbn, page."title" AS title, page."subtitle" AS subtitle, page."publisher_code" AS publisher_code, page."category_id" AS category_id, page."status" AS status, page."publish_at" AS publish_at, page."price" AS price, page."pages" AS pages, page."weight" AS weight, page."in_print" AS in_print, page."attributes" AS attributes, page."created_at" AS created_at, page."updated_at" AS updated_at 
FROM page 
 LIMIT CAST($8 AS pg_catalog.int8)) AS r) AS body, (SELECT count(*) AS count_1 
FROM page) AS seen, (SELECT count(*) AS count_2 
FROM "public"."book" AS t1 
WHERE t1."price" >= CAST(CAST($9 AS pg_catalog.text) AS pg_catalog.numeric) AND t1."price" <= CAST(CAST($10 AS pg_catalog.text) AS pg_catalog.numeric) AND CAST(t1."title" AS pg_catalog.text) ILIKE CAST($11 AS pg_catalog.text) AND NOT (t1."status" = any(CAST(CAST($12 AS pg_catalog.text[]) AS "public"."publication_status"[]))) AND NOT (t1."subtitle" IS NULL) AND t1."publish_at" < CAST(CAST($13 AS pg_catalog.text) AS pg_catalog.timestamptz)) AS total
