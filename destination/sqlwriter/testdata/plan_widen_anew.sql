ALTER TABLE "c"."s"."t" RENAME TO "penstock_before";
CREATE TABLE "c"."s"."t" ("id" long, "a" string, "b" int, "n" string, "_fivetran_synced" utc_datetime, "_fivetran_deleted" boolean);
COMMENT ON COLUMN "c"."s"."t"."id" IS 'LONG key';
COMMENT ON COLUMN "c"."s"."t"."n" IS 'JSON';
INSERT INTO "c"."s"."t" ("id", "a", "b", "_fivetran_synced", "_fivetran_deleted") SELECT to_long(t."id"), to_string(t."a"), t."b", t."_fivetran_synced", t."_fivetran_deleted" FROM "c"."s"."penstock_before" AS t;
DROP TABLE "c"."s"."penstock_before";
