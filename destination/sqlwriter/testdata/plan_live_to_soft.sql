ALTER TABLE "s"."t" ADD COLUMN "_fivetran_deleted" boolean;
UPDATE "s"."t" AS t SET "_fivetran_deleted" = false;
