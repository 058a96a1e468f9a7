DELETE FROM "s"."t" AS t WHERE (t."_fivetran_synced" >= '2026-05-01') IS NOT TRUE;
DELETE FROM "s"."t" AS t WHERE NOT EXISTS (SELECT 1 FROM "penstock_present" AS s WHERE t."n" = to_long(s."n") AND t."id" = s."id");
DELETE FROM "s"."t" AS t;
SELECT count(*) FROM "s"."t";
CREATE TEMPORARY TABLE "penstock_upserts" ("id" long, "n" int, "a" string, "b" int, "c" double, "_penstock_seq" long);
