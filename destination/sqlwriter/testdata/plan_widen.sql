ALTER TABLE "s"."t" ALTER COLUMN "id" TYPE long USING to_long("id");
COMMENT ON COLUMN "s"."t"."id" IS 'LONG key';
ALTER TABLE "s"."t" ALTER COLUMN "a" TYPE string USING to_string("a");
COMMENT ON COLUMN "s"."t"."j" IS NULL;
