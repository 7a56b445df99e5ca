-- answer
WITH page AS MATERIALIZED 
(SELECT t0."id" AS id, t0."isbn" AS isbn, t0."title" AS title, t0."subtitle" AS subtitle, t0."publisher_code" AS publisher_code, t0."category_id" AS category_id, t0."status" AS status, t0."publish_at" AS publish_at, t0."price" AS price, t0."pages" AS pages, t0."weight" AS weight, t0."in_print" AS in_print, t0."attributes" AS attributes, t0."created_at" AS created_at, t0."updated_at" AS updated_at, (SELECT t1."name" 
FROM "public"."category" AS t1 
WHERE t0."category_id" = t1."id" 
 LIMIT 1) AS "key 0" 
FROM "public"."book" AS t0 
WHERE EXISTS (SELECT 1 
FROM "public"."review" AS t2 
WHERE t0."id" = t2."book_id" AND t2."rating" >= CAST($1 AS pg_catalog.int2)) ORDER BY (SELECT t3."name" 
FROM "public"."category" AS t3 
WHERE t0."category_id" = t3."id" 
 LIMIT 1) DESC NULLS FIRST, t0."subtitle" ASC NULLS LAST, t0."id" ASC 
 LIMIT 11)
 SELECT (SELECT coalesce(pg_catalog.json_agg(r.*), '[]'::pg_catalog.json) AS body 
FROM (SELECT page."id" AS id, page."isbn" AS isbn, page."title" AS title, page."subtitle" AS subtitle, page."publisher_code" AS publisher_code, page."category_id" AS category_id, page."status" AS status, page."publish_at" AS publish_at, page."price" AS price, page."pages" AS pages, page."weight" AS weight, page."in_print" AS in_print, page."attributes" AS attributes, page."created_at" AS created_at, page."updated_at" AS updated_at 
FROM page 
 LIMIT 10) AS r) AS body, (SELECT count(*) AS count_1 
FROM page) AS seen, (SELECT pg_catalog.json_build_array(page."key 0", page."subtitle", page."id") AS json_build_array_1 
FROM page 
 LIMIT 1 OFFSET 9) AS last
