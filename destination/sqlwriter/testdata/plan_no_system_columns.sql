ALTER TABLE "s"."t" ADD COLUMN "_fivetran_synced" utc_datetime;
ALTER TABLE "s"."t" ADD COLUMN "_fivetran_deleted" boolean;
