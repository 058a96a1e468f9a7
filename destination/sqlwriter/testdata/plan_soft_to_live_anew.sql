ALTER TABLE "c"."s"."t" RENAME TO "penstock_before";
CREATE TABLE "c"."s"."t" ("id" int, "_fivetran_synced" utc_datetime);
COMMENT ON COLUMN "c"."s"."t"."id" IS 'INT key';
INSERT INTO "c"."s"."t" ("id", "_fivetran_synced") SELECT t."id", t."_fivetran_synced" FROM "c"."s"."penstock_before" AS t WHERE NOT (t."_fivetran_deleted" IS TRUE);
DROP TABLE "c"."s"."penstock_before";
