DELETE FROM "s"."t" AS t WHERE t."_fivetran_active" IS NOT TRUE;
ALTER TABLE "s"."t" DROP COLUMN "_fivetran_active";
ALTER TABLE "s"."t" DROP COLUMN "_fivetran_start";
ALTER TABLE "s"."t" DROP COLUMN "_fivetran_end";
