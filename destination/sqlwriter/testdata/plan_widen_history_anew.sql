ALTER TABLE "c"."s"."t" RENAME TO "penstock_before";
CREATE TABLE "c"."s"."t" ("id" int, "a" string, "_fivetran_synced" utc_datetime, "_fivetran_active" boolean, "_fivetran_start" utc_datetime, "_fivetran_end" utc_datetime);
COMMENT ON COLUMN "c"."s"."t"."id" IS 'INT key';
INSERT INTO "c"."s"."t" ("id", "a", "_fivetran_synced", "_fivetran_active", "_fivetran_start", "_fivetran_end") SELECT t."id", to_string(t."a"), t."_fivetran_synced", t."_fivetran_active", t."_fivetran_start", t."_fivetran_end" FROM "c"."s"."penstock_before" AS t;
DROP TABLE "c"."s"."penstock_before";
