UPDATE "s"."t" AS t SET "_fivetran_active" = false, "_fivetran_end" = CASE WHEN t."_fivetran_start" > '2026-05-01' THEN t."_fivetran_start" ELSE '2026-05-01' END WHERE (t."_fivetran_synced" >= '2026-05-01') IS NOT TRUE AND t."_fivetran_active" IS TRUE;
UPDATE "s"."t" AS t SET "_fivetran_active" = false, "_fivetran_end" = CASE WHEN t."_fivetran_start" > '2026-05-01' THEN t."_fivetran_start" ELSE '2026-05-01' END WHERE t."_fivetran_active" IS TRUE AND NOT EXISTS (SELECT 1 FROM "penstock_present" AS s WHERE t."n" = to_long(s."n") AND t."id" = s."id");
UPDATE "s"."t" AS t SET "_fivetran_active" = false, "_fivetran_end" = CASE WHEN t."_fivetran_start" > '2026-05-01' THEN t."_fivetran_start" ELSE '2026-05-01' END WHERE t."_fivetran_active" IS TRUE;
SELECT count(*) FROM "s"."t" WHERE "_fivetran_active" IS TRUE;
CREATE TEMPORARY TABLE "penstock_upserts" ("id" long, "n" int, "a" string, "b" int, "c" double, "_penstock_unchanged" boolean, "_penstock_seq" long);
