-- answer
INSERT INTO "public"."category" ("name", "position") VALUES (CAST(CAST($1 AS pg_catalog.text) AS pg_catalog.varchar), CAST($2 AS pg_catalog.int2)) RETURNING (SELECT pg_catalog.to_json(r.*) AS to_json_1 
FROM (SELECT "category"."id" AS id, "category"."parent_id" AS parent_id, "category"."name" AS name, "category"."position" AS position) AS r) AS body, "category"."id" AS key
