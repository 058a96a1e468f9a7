UPDATE "s"."t" AS t SET "_fivetran_deleted" = true, "_fivetran_synced" = '2026-05-01' FROM "penstock_deletes" AS s WHERE t."n" = to_long(s."n") AND t."id" = s."id";
