ALTER TABLE "s"."t" ADD COLUMN "_fivetran_active" boolean;
ALTER TABLE "s"."t" ADD COLUMN "_fivetran_start" utc_datetime;
ALTER TABLE "s"."t" ADD COLUMN "_fivetran_end" utc_datetime;
ALTER TABLE "s"."t" ADD COLUMN "b" int;
ALTER TABLE "s"."t" ALTER COLUMN "id" TYPE long USING to_long("id");
COMMENT ON COLUMN "s"."t"."id" IS 'LONG key';
UPDATE "s"."t" AS t SET "_fivetran_active" = t."_fivetran_deleted" IS NOT TRUE, "_fivetran_start" = CASE WHEN t."_fivetran_deleted" IS TRUE THEN '0001-01-01' ELSE (SELECT last FROM (SELECT coalesce(max("_fivetran_synced"), '0001-01-01') AS last FROM "s"."t") AS latest) END, "_fivetran_end" = CASE WHEN t."_fivetran_deleted" IS TRUE THEN '0001-01-01' ELSE '9999-12-31' END;
ALTER TABLE "s"."t" DROP COLUMN "_fivetran_deleted";
