CREATE TABLE "s"."t" ("id" string, "_fivetran_synced" utc_datetime, "_fivetran_deleted" boolean);
COMMENT ON COLUMN "s"."t"."id" IS 'JSON key';
