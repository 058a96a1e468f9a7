COMMENT ON COLUMN "s"."t"."id" IS NULL;
COMMENT ON COLUMN "s"."t"."a" IS 'INT key';
