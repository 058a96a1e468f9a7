DELETE FROM "penstock_upserts" AS t USING (SELECT "id", "n", max("_penstock_seq") AS "_penstock_seq" FROM "penstock_upserts" GROUP BY "id", "n" HAVING count(*) > 1) AS s WHERE t."id" = s."id" AND t."n" = s."n" AND t."_penstock_seq" < s."_penstock_seq";
DELETE FROM "s"."t" AS t USING "penstock_upserts" AS s WHERE t."id" = s."id" AND t."n" = to_long(s."n");
INSERT INTO "s"."t" ("id", "n", "a", "b", "c", "_fivetran_synced", "_fivetran_deleted") SELECT s."id", to_long(s."n"), s."a", to_string(s."b"), s."c", '2026-05-01', false FROM "penstock_upserts" AS s;
