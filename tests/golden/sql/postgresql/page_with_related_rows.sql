-- answer
WITH page AS MATERIALIZED 
(SELECT t0."id" AS id, t0."isbn" AS isbn, t0."title" AS title, t0."subtitle" AS subtitle, t0."publisher_code" AS publisher_code, t0."category_id" AS category_id, t0."status" AS status, t0."publish_at" AS publish_at, t0."price" AS price, t0."pages" AS pages, t0."weight" AS weight, t0."in_print" AS in_print, t0."attributes" AS attributes, t0."created_at" AS created_at, t0."updated_at" AS updated_at 
FROM "public"."book" AS t0 ORDER BY t0."id" ASC 
 LIMIT 21)
 SELECT (SELECT coalesce(pg_catalog.json_agg(r.*), '[]'::pg_catalog.json) AS body 
FROM (SELECT page."id" AS id, page."isbn" AS isbn, page."title" AS title, page."subtitle" AS subtitle, page."publisher_code" AS publisher_code, page."category_id" AS category_id, page."status" AS status, page."publish_at" AS publish_at, page."price" AS price, page."pages" AS pages, page."weight" AS weight, page."in_print" AS in_print, page."attributes" AS attributes, page."created_at" AS created_at, page."updated_at" AS updated_at, (SELECT pg_catalog.to_json(r.*) AS body 
FROM (SELECT t1."code" AS code, t1."name" AS name, t1."country" AS country, t1."founded_on" AS founded_on, t1."website" AS website, t1."note" AS note 
FROM "public"."publisher" AS t1 
WHERE page."publisher_code" = t1."code" 
 LIMIT 1) AS r) AS publisher, (SELECT coalesce(pg_catalog.json_agg(r.*), '[]'::pg_catalog.json) AS body 
FROM (SELECT t2."id" AS id, t2."name" AS name, t2."sort_name" AS sort_name, t2."born_on" AS born_on, t2."died_on" AS died_on, t2."biography" AS biography, pg_catalog.translate(pg_catalog.encode(t2."portrait", 'base64'), E'\n', '') AS portrait 
FROM "public"."book_author" AS t3 JOIN "public"."author" AS t2 ON t3."author_id" = t2."id" 
WHERE page."id" = t3."book_id" ORDER BY t2."id" ASC 
 LIMIT 100) AS r) AS author, (SELECT coalesce(pg_catalog.json_agg(r.*), '[]'::pg_catalog.json) AS body 
FROM (SELECT t4."id" AS id, t4."book_id" AS book_id, t4."customer_id" AS customer_id, t4."status" AS status, t4."publish_at" AS publish_at, t4."rating" AS rating, t4."title" AS title, t4."body" AS body, t4."sentiment" AS sentiment, t4."helpful" AS helpful, t4."created_at" AS created_at 
FROM "public"."review" AS t4 
WHERE page."id" = t4."book_id" ORDER BY t4."id" ASC 
 LIMIT 100) AS r) AS review 
FROM page 
 LIMIT 20) AS r) AS body, (SELECT count(*) AS count_1 
FROM page) AS seen, (SELECT pg_catalog.json_build_array(page."id") AS json_build_array_1 
FROM page 
 LIMIT 1 OFFSET 19) AS last
