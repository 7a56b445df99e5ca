-- changed
SELECT pg_catalog.json_build_array(t0."id") AS key, t0."id" AS carried0, CASE WHEN (t0."price" < CAST(CAST($1 AS pg_catalog.text) AS pg_catalog.numeric)) THEN 1 ELSE 0 END AS found0, CASE WHEN (t0."status" = CAST(CAST($2 AS pg_catalog.text) AS "public"."publication_status")) THEN 1 ELSE 0 END AS found1 
FROM "public"."book" AS t0 
WHERE t0."id" = any(CAST($3 AS pg_catalog.int8[])) AND (t0."price" < CAST(CAST($4 AS pg_catalog.text) AS pg_catalog.numeric) OR t0."status" = CAST(CAST($5 AS pg_catalog.text) AS "public"."publication_status")) FOR UPDATE OF t0

-- changed
SELECT pg_catalog.json_build_array(t0."id") AS key, t0."id" AS carried0, CASE WHEN true THEN 1 ELSE 0 END AS found0 
FROM "public"."book" AS t0 
WHERE t0."id" = any(CAST($1 AS pg_catalog.int8[])) AND CASE WHEN (t0."price" < CAST(CAST($2 AS pg_catalog.text) AS pg_catalog.numeric) OR t0."status" = CAST(CAST($3 AS pg_catalog.text) AS "public"."publication_status")) THEN 1 ELSE 0 END = 0 FOR UPDATE OF t0

-- done
UPDATE "public"."book" SET "title"=CAST(CAST($1 AS pg_catalog.text) AS pg_catalog.varchar) WHERE "book"."id" = any(CAST($2 AS pg_catalog.int8[]))

-- done
UPDATE "public"."book" SET "title"=CAST(CAST($1 AS pg_catalog.text) AS pg_catalog.varchar), "in_print"=CAST($2 AS pg_catalog.bool) WHERE "book"."id" = any(CAST($3 AS pg_catalog.int8[]))

-- held
SELECT count(*) AS held 
FROM "public"."book" AS t0 JOIN (SELECT listed.n AS n, listed.c0 AS c0, listed.c1 AS c1, listed.c2 AS c2 FROM ROWS FROM (pg_catalog.unnest(CAST($1 AS pg_catalog.int8[])), pg_catalog.unnest(CAST($2 AS pg_catalog.int8[])), pg_catalog.unnest(CAST($3 AS pg_catalog.int8[])), pg_catalog.unnest(CAST($4 AS pg_catalog.int8[]))) AS listed(n, c0, c1, c2)) AS t1 ON t0."id" = t1.c0 
WHERE t1.c1 = 1 AND t0."price" < CAST(CAST($5 AS pg_catalog.text) AS pg_catalog.numeric) OR t1.c2 = 1
