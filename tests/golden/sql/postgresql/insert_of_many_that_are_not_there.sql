-- made
INSERT INTO "public"."tag" ("name") SELECT given.c0 
FROM (SELECT listed.n AS n, CAST(listed.c0 AS pg_catalog.varchar) AS c0 FROM ROWS FROM (pg_catalog.unnest(CAST($1 AS pg_catalog.int8[])), pg_catalog.unnest(CAST($2 AS pg_catalog.text[]))) AS listed(n, c0)) AS given ORDER BY given.n ON CONFLICT ("name") DO NOTHING RETURNING pg_catalog.json_build_array("tag"."name") AS key
