-- changed
SELECT json_array(t0."id") AS "key", t0."id" AS carried0, CASE WHEN (t0."price" < ?) THEN 1 ELSE 0 END AS found0, CASE WHEN (t0."status" = ?) THEN 1 ELSE 0 END AS found1 
FROM "main"."book" AS t0 
WHERE t0."id" IN (SELECT value 
FROM json_each(?)) AND (t0."price" < ? OR t0."status" = ?)

-- changed
SELECT json_array(t0."id") AS "key", t0."id" AS carried0, CASE WHEN 1 THEN 1 ELSE 0 END AS found0 
FROM "main"."book" AS t0 
WHERE t0."id" IN (SELECT value 
FROM json_each(?)) AND CASE WHEN (t0."price" < ? OR t0."status" = ?) THEN 1 ELSE 0 END = 0

-- done
UPDATE "main"."book" SET "title"=? WHERE "book"."id" IN (SELECT listed.c0 
FROM (SELECT json_extract(listed.value, '$[0]') AS n, reflector_cell(json_extract(listed.value, '$[1]')) AS c0 FROM json_each(?) AS listed) AS listed)

-- done
UPDATE "main"."book" SET "title"=?, "in_print"=? WHERE "book"."id" IN (SELECT listed.c0 
FROM (SELECT json_extract(listed.value, '$[0]') AS n, reflector_cell(json_extract(listed.value, '$[1]')) AS c0 FROM json_each(?) AS listed) AS listed)

-- held
SELECT count(*) AS held 
FROM "main"."book" AS t0 JOIN (SELECT json_extract(listed.value, '$[0]') AS n, reflector_cell(json_extract(listed.value, '$[1]')) AS c0, reflector_cell(json_extract(listed.value, '$[2]')) AS c1, reflector_cell(json_extract(listed.value, '$[3]')) AS c2 FROM json_each(?) AS listed) AS t1 ON t0."id" = t1.c0 
WHERE t1.c1 = 1 AND t0."price" < ? OR t1.c2 = 1
