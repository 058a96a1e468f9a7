ALTER TABLE "s"."t" ALTER COLUMN "u" TYPE long USING to_long("u");
COMMENT ON COLUMN "s"."t"."u" IS NULL;
COMMENT ON COLUMN "s"."t"."v" IS 'JSON';
