CREATE SCHEMA IF NOT EXISTS "c"."s";
CREATE TABLE "c"."s"."t" ("id" long, "_fivetran_synced" utc_datetime, "_fivetran_deleted" boolean);
COMMENT ON COLUMN "c"."s"."t"."id" IS 'LONG key';
