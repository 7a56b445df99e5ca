-- made
INSERT INTO "main"."category" ("name", "position") SELECT given.c0, given.c1 
FROM (SELECT json_extract(listed.value, '$[0]') AS n, reflector_cell(json_extract(listed.value, '$[1]')) AS c0, reflector_cell(json_extract(listed.value, '$[2]')) AS c1 FROM json_each(?) AS listed) AS given ORDER BY given.n RETURNING json_array("category"."id") AS "key", "category"."id" AS carried0

-- made
INSERT INTO "main"."category" ("name") SELECT given.c0 
FROM (SELECT json_extract(listed.value, '$[0]') AS n, reflector_cell(json_extract(listed.value, '$[1]')) AS c0 FROM json_each(?) AS listed) AS given ORDER BY given.n RETURNING json_array("category"."id") AS "key", "category"."id" AS carried0

-- made
INSERT INTO "main"."category" DEFAULT VALUES RETURNING json_array("category"."id") AS "key", "category"."id" AS carried0

-- held
SELECT count(*) AS held 
FROM "main"."category" AS t0 
WHERE t0."id" IN (SELECT listed.c0 
FROM (SELECT json_extract(listed.value, '$[0]') AS n, reflector_cell(json_extract(listed.value, '$[1]')) AS c0 FROM json_each(?) AS listed) AS listed) AND t0."position" >= ?

-- shown
SELECT json_object('id', t0."id", 'parent_id', CASE WHEN typeof(t0."parent_id") = 'blob' THEN reflector_base64(t0."parent_id") WHEN typeof(t0."parent_id") <> 'real' THEN t0."parent_id" WHEN t0."parent_id" = 9e999 THEN 'Infinity' WHEN t0."parent_id" = -9e999 THEN '-Infinity' WHEN CAST(printf('%!.15g', t0."parent_id") AS REAL) = t0."parent_id" THEN t0."parent_id" WHEN abs(t0."parent_id") < 1e100 THEN json(printf('%!.17g', t0."parent_id")) ELSE json(reflector_double(t0."parent_id")) END, 'name', CASE typeof(t0."name") WHEN 'blob' THEN reflector_base64(t0."name") ELSE t0."name" END, 'position', CASE WHEN typeof(t0."position") = 'blob' THEN reflector_base64(t0."position") WHEN typeof(t0."position") <> 'real' THEN t0."position" WHEN t0."position" = 9e999 THEN 'Infinity' WHEN t0."position" = -9e999 THEN '-Infinity' WHEN CAST(printf('%!.15g', t0."position") AS REAL) = t0."position" THEN t0."position" WHEN abs(t0."position") < 1e100 THEN json(printf('%!.17g', t0."position")) ELSE json(reflector_double(t0."position")) END) AS body, json_array(t0."id") AS "key", t0."id" AS carried0 
FROM "main"."category" AS t0 
WHERE t0."id" IN (SELECT listed.c0 
FROM (SELECT json_extract(listed.value, '$[0]') AS n, reflector_cell(json_extract(listed.value, '$[1]')) AS c0 FROM json_each(?) AS listed) AS listed)
