ALTER TABLE "c"."s"."t" RENAME TO "penstock_before";
CREATE TABLE "c"."s"."t" ("id" int, "_fivetran_synced" utc_datetime, "_fivetran_active" boolean, "_fivetran_start" utc_datetime, "_fivetran_end" utc_datetime);
COMMENT ON COLUMN "c"."s"."t"."id" IS 'INT key';
INSERT INTO "c"."s"."t" ("id", "_fivetran_synced", "_fivetran_active", "_fivetran_start", "_fivetran_end") SELECT t."id", t."_fivetran_synced", t."_fivetran_deleted" IS NOT TRUE, CASE WHEN t."_fivetran_deleted" IS TRUE THEN '0001-01-01' ELSE (SELECT last FROM (SELECT coalesce(max("_fivetran_synced"), '0001-01-01') AS last FROM "c"."s"."penstock_before") AS latest) END, CASE WHEN t."_fivetran_deleted" IS TRUE THEN '0001-01-01' ELSE '9999-12-31' END FROM "c"."s"."penstock_before" AS t;
DROP TABLE "c"."s"."penstock_before";
