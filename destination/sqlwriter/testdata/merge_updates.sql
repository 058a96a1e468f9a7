DELETE FROM "penstock_updates" AS t USING (SELECT "id", "n", max("_penstock_seq") AS last FROM "penstock_updates" GROUP BY "id", "n" HAVING count(*) > 1) AS d WHERE t."id" = d."id" AND t."n" = d."n" AND t."_penstock_seq" < d.last;
UPDATE "s"."t" AS t SET "_fivetran_synced" = '2026-05-01', "b" = to_string(s."b") FROM "penstock_updates" AS s WHERE t."id" = s."id" AND t."n" = s."n";
