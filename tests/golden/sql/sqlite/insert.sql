-- row
INSERT INTO "main"."category" ("name", "position") VALUES (?, ?) RETURNING json_array("category"."id") AS "key", "category"."id"

-- answer
SELECT json((SELECT json_object('id', t0."id", 'parent_id', CASE WHEN typeof(t0."parent_id") = 'blob' THEN reflector_base64(t0."parent_id") WHEN typeof(t0."parent_id") <> 'real' THEN t0."parent_id" WHEN t0."parent_id" = 9e999 THEN 'Infinity' WHEN t0."parent_id" = -9e999 THEN '-Infinity' WHEN CAST(printf('%!.15g', t0."parent_id") AS REAL) = t0."parent_id" THEN t0."parent_id" WHEN abs(t0."parent_id") < 1e100 THEN json(printf('%!.17g', t0."parent_id")) ELSE json(reflector_double(t0."parent_id")) END, 'name', CASE typeof(t0."name") WHEN 'blob' THEN reflector_base64(t0."name") ELSE t0."name" END, 'position', CASE WHEN typeof(t0."position") = 'blob' THEN reflector_base64(t0."position") WHEN typeof(t0."position") <> 'real' THEN t0."position" WHEN t0."position" = 9e999 THEN 'Infinity' WHEN t0."position" = -9e999 THEN '-Infinity' WHEN CAST(printf('%!.15g', t0."position") AS REAL) = t0."position" THEN t0."position" WHEN abs(t0."position") < 1e100 THEN json(printf('%!.17g', t0."position")) ELSE json(reflector_double(t0."position")) END) AS body 
FROM "main"."category" AS t0 
WHERE t0."id" = ?
 LIMIT 1 OFFSET 0)) AS body
