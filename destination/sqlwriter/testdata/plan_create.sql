CREATE SCHEMA IF NOT EXISTS "s";
CREATE TABLE "s"."t" ("id" long, "a" string, "j" string, "d" decimal(5,2), "_fivetran_synced" utc_datetime, "_fivetran_deleted" boolean);
COMMENT ON COLUMN "s"."t"."id" IS 'LONG key';
COMMENT ON COLUMN "s"."t"."j" IS 'JSON';
