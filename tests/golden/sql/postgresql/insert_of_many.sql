-- made
INSERT INTO "public"."category" ("name", "position") SELECT given.c0, given.c1 
FROM (SELECT listed.n AS n, CAST(listed.c0 AS pg_catalog.varchar) AS c0, listed.c1 AS c1 FROM ROWS FROM (pg_catalog.unnest(CAST($2 AS pg_catalog.int8[])), pg_catalog.unnest(CAST($3 AS pg_catalog.text[])), pg_catalog.unnest(CAST($4 AS pg_catalog.int2[]))) AS listed(n, c0, c1)) AS given ORDER BY given.n RETURNING (SELECT pg_catalog.to_json(r.*) AS to_json_1 
FROM (SELECT "category"."id" AS id, "category"."parent_id" AS parent_id, "category"."name" AS name, "category"."position" AS position) AS r) AS body, "category"."position" >= CAST($1 AS pg_catalog.int2) AS holds, pg_catalog.json_build_array("category"."id") AS key

-- made
INSERT INTO "public"."category" ("name") SELECT given.c0 
FROM (SELECT listed.n AS n, CAST(listed.c0 AS pg_catalog.varchar) AS c0 FROM ROWS FROM (pg_catalog.unnest(CAST($2 AS pg_catalog.int8[])), pg_catalog.unnest(CAST($3 AS pg_catalog.text[]))) AS listed(n, c0)) AS given ORDER BY given.n RETURNING (SELECT pg_catalog.to_json(r.*) AS to_json_1 
FROM (SELECT "category"."id" AS id, "category"."parent_id" AS parent_id, "category"."name" AS name, "category"."position" AS position) AS r) AS body, "category"."position" >= CAST($1 AS pg_catalog.int2) AS holds, pg_catalog.json_build_array("category"."id") AS key

-- made
INSERT INTO "public"."category" DEFAULT VALUES RETURNING (SELECT pg_catalog.to_json(r.*) AS to_json_1 
FROM (SELECT "category"."id" AS id, "category"."parent_id" AS parent_id, "category"."name" AS name, "category"."position" AS position) AS r) AS body, "category"."position" >= CAST($1 AS pg_catalog.int2) AS holds, pg_catalog.json_build_array("category"."id") AS key
