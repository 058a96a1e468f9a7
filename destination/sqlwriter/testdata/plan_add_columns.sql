ALTER TABLE "s"."t" ADD COLUMN "a" string;
ALTER TABLE "s"."t" ADD COLUMN "j" string;
COMMENT ON COLUMN "s"."t"."j" IS 'JSON';
