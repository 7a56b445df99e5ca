-- made
INSERT INTO "main"."tag" ("name") SELECT given.c0 
FROM (SELECT json_extract(listed.value, '$[0]') AS n, reflector_cell(json_extract(listed.value, '$[1]')) AS c0 FROM json_each(?) AS listed) AS given ORDER BY given.n ON CONFLICT ("name") DO NOTHING RETURNING json_array(CASE typeof("tag"."name") WHEN 'blob' THEN reflector_base64("tag"."name") ELSE "tag"."name" END) AS "key", "tag"."name" AS carried0
