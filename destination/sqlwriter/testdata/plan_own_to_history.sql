ALTER TABLE "s"."t" ADD COLUMN "_fivetran_synced" utc_datetime;
ALTER TABLE "s"."t" ADD COLUMN "_fivetran_active" boolean;
ALTER TABLE "s"."t" ADD COLUMN "_fivetran_start" utc_datetime;
ALTER TABLE "s"."t" ADD COLUMN "_fivetran_end" utc_datetime;
UPDATE "s"."t" AS t SET "_fivetran_active" = true, "_fivetran_start" = '0001-01-01', "_fivetran_end" = '9999-12-31';
