DELETE FROM "penstock_upserts" AS t USING (SELECT "id", "n", max("_penstock_seq") AS "_penstock_seq" FROM "penstock_upserts" GROUP BY "id", "n" HAVING count(*) > 1) AS s WHERE t."id" = s."id" AND t."n" = s."n" AND t."_penstock_seq" < s."_penstock_seq";
DELETE FROM "penstock_updates" AS t USING "penstock_upserts" AS s WHERE t."id" = s."id" AND t."n" = to_long(s."n") AND t."_penstock_seq" < s."_penstock_seq";
DELETE FROM "penstock_deletes" AS t USING "penstock_upserts" AS s WHERE t."id" = s."id" AND to_long(t."n") = to_long(s."n") AND t."_penstock_seq" < s."_penstock_seq";
DELETE FROM "penstock_updates" AS t USING (SELECT "id", "n", max("_penstock_seq") AS "_penstock_seq" FROM "penstock_updates" GROUP BY "id", "n" HAVING count(*) > 1) AS s WHERE t."id" = s."id" AND t."n" = s."n" AND t."_penstock_seq" < s."_penstock_seq";
DELETE FROM "s"."t" AS t USING "penstock_upserts" AS s WHERE t."id" = s."id" AND t."n" = to_long(s."n");
INSERT INTO "s"."t" ("id", "n", "a", "b", "c", "_fivetran_synced", "_fivetran_deleted") SELECT s."id", to_long(s."n"), s."a", to_string(s."b"), s."c", '2026-05-01', false FROM "penstock_upserts" AS s;
UPDATE "s"."t" AS t SET "_fivetran_synced" = '2026-05-01', "b" = to_string(s."b") FROM "penstock_updates" AS s WHERE t."id" = s."id" AND t."n" = s."n";
UPDATE "s"."t" AS t SET "_fivetran_deleted" = true, "_fivetran_synced" = '2026-05-01' FROM "penstock_deletes" AS s WHERE t."n" = to_long(s."n") AND t."id" = s."id";
