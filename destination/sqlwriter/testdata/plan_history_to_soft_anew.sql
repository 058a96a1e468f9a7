ALTER TABLE "c"."s"."t" RENAME TO "penstock_before";
CREATE TABLE "c"."s"."t" ("id" int, "_fivetran_synced" utc_datetime, "_fivetran_deleted" boolean);
COMMENT ON COLUMN "c"."s"."t"."id" IS 'INT key';
INSERT INTO "c"."s"."t" ("id", "_fivetran_synced", "_fivetran_deleted") SELECT t."id", t."_fivetran_synced", t."_fivetran_active" IS NOT TRUE FROM "c"."s"."penstock_before" AS t WHERE NOT EXISTS (SELECT 1 FROM (SELECT "id", max("_fivetran_start") AS "_fivetran_start" FROM "c"."s"."penstock_before" GROUP BY "id") AS s WHERE t."id" = s."id" AND t."_fivetran_start" < s."_fivetran_start");
DROP TABLE "c"."s"."penstock_before";
