-- answer
SELECT pg_catalog.string_agg(CAST(pg_catalog.to_json(r.*) AS pg_catalog.text), E'\x1e') AS body, (SELECT count(*) AS count_1 
FROM "public"."book" AS t1 
WHERE t1."price" >= CAST(CAST($1 AS pg_catalog.text) AS pg_catalog.numeric) AND t1."price" <= CAST(CAST($2 AS pg_catalog.text) AS pg_catalog.numeric) AND CAST(t1."title" AS pg_catalog.text) ILIKE CAST($3 AS pg_catalog.text) AND NOT (t1."status" = any(CAST(CAST($4 AS pg_catalog.text[]) AS "public"."publication_status"[]))) AND NOT (t1."subtitle" IS NULL) AND t1."publish_at" < CAST(CAST($5 AS pg_catalog.text) AS pg_catalog.timestamptz)) AS total 
FROM (SELECT t0."id" AS id, t0."isbn" AS isbn, t0."title" AS title, t0."subtitle" AS subtitle, t0."publisher_code" AS publisher_code, t0."category_id" AS category_id, t0."status" AS status, t0."publish_at" AS publish_at, t0."price" AS price, t0."pages" AS pages, t0."weight" AS weight, t0."in_print" AS in_print, t0."attributes" AS attributes, t0."created_at" AS created_at, t0."updated_at" AS updated_at 
FROM "public"."book" AS t0 
WHERE t0."price" >= CAST(CAST($6 AS pg_catalog.text) AS pg_catalog.numeric) AND t0."price" <= CAST(CAST($7 AS pg_catalog.text) AS pg_catalog.numeric) AND CAST(t0."title" AS pg_catalog.text) ILIKE CAST($8 AS pg_catalog.text) AND NOT (t0."status" = any(CAST(CAST($9 AS pg_catalog.text[]) AS "public"."publication_status"[]))) AND NOT (t0."subtitle" IS NULL) AND t0."publish_at" < CAST(CAST($10 AS pg_catalog.text) AS pg_catalog.timestamptz) ORDER BY t0."id" ASC 
 LIMIT CAST($11 AS pg_catalog.int8) OFFSET CAST($12 AS pg_catalog.int8)) AS r
