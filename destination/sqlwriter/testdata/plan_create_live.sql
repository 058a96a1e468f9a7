CREATE TABLE "s"."t" ("id" long, "_fivetran_synced" utc_datetime);
COMMENT ON COLUMN "s"."t"."id" IS 'LONG key';
