ALTER TABLE "c"."s"."t" ALTER COLUMN "id" TYPE long USING to_long("id");
COMMENT ON COLUMN "c"."s"."t"."id" IS 'LONG key';
ALTER TABLE "c"."s"."t" ALTER COLUMN "a" TYPE long USING to_long("a");
