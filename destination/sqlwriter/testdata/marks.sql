UPDATE "s"."t" AS t SET "_fivetran_deleted" = true WHERE (t."_fivetran_synced" >= '2026-05-01') IS NOT TRUE AND t."_fivetran_deleted" IS NOT TRUE;
UPDATE "s"."t" AS t SET "_fivetran_deleted" = true, "_fivetran_synced" = '2026-05-01' WHERE t."_fivetran_deleted" IS NOT TRUE AND NOT EXISTS (SELECT 1 FROM "penstock_present" AS s WHERE t."n" = to_long(s."n") AND t."id" = s."id");
UPDATE "s"."t" AS t SET "_fivetran_deleted" = true, "_fivetran_synced" = '2026-05-01' WHERE t."_fivetran_deleted" IS NOT TRUE;
SELECT count(*) FROM "s"."t" WHERE "_fivetran_deleted" IS NOT TRUE;
SELECT count(*) FROM (SELECT 1 FROM "s"."t" LIMIT 1) AS t;
CREATE TEMPORARY TABLE "penstock_upserts" ("id" long, "n" int, "a" string, "b" int, "c" double, "_penstock_seq" long);
