DELETE FROM "s"."t" AS t WHERE t."_fivetran_deleted" IS TRUE;
ALTER TABLE "s"."t" DROP COLUMN "_fivetran_deleted";
