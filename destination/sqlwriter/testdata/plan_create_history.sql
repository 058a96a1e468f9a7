CREATE TABLE "s"."t" ("id" long, "_fivetran_synced" utc_datetime, "_fivetran_active" boolean, "_fivetran_start" utc_datetime, "_fivetran_end" utc_datetime);
COMMENT ON COLUMN "s"."t"."id" IS 'LONG key';
