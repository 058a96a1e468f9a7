ALTER TABLE "s"."t" ADD COLUMN "_fivetran_deleted" boolean;
DELETE FROM "s"."t" AS t USING (SELECT "id", "n", max("_fivetran_start") AS "_fivetran_start" FROM "s"."t" GROUP BY "id", "n") AS s WHERE t."id" = s."id" AND t."n" = s."n" AND t."_fivetran_start" < s."_fivetran_start";
UPDATE "s"."t" AS t SET "_fivetran_deleted" = t."_fivetran_active" IS NOT TRUE;
ALTER TABLE "s"."t" DROP COLUMN "_fivetran_active";
ALTER TABLE "s"."t" DROP COLUMN "_fivetran_start";
ALTER TABLE "s"."t" DROP COLUMN "_fivetran_end";
