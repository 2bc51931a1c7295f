"""Images of creatives, fetched once and served by us; the author's own text part, campaign parameters, allowed tags."""

from __future__ import annotations

from alembic import op

from migrations.protect import definer, protect

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

TABLES = """
ALTER TABLE creative
  ADD preheader text NOT NULL DEFAULT '',
  ADD own_plain text NOT NULL DEFAULT '',             -- the text part as its author wrote it; empty: made of the HTML
  ADD utm jsonb NOT NULL DEFAULT '{}';                 -- parameters added to each link: {"utm_source": "…"}

-- An image as it is served to readers: named by its content, so the same one is kept once and may be cached for ever.
CREATE TABLE mail_image (
  name text PRIMARY KEY CHECK (name ~ '^[0-9a-f]{32}\\.(png|jpg|gif|webp)$'),
  content bytea NOT NULL,
  width integer NOT NULL CHECK (width > 0),
  height integer NOT NULL CHECK (height > 0),
  created_at timestamptz NOT NULL DEFAULT app_now()
);
ALTER TABLE mail_image ALTER content SET STORAGE EXTERNAL;  -- compressed already
CREATE TABLE creative_image (
  creative_id bigint NOT NULL REFERENCES creative ON DELETE CASCADE,
  number smallint NOT NULL,
  url text NOT NULL,
  state text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'kept', 'refused')),
  name text REFERENCES mail_image,
  why text,                                            -- a code: why it was refused
  PRIMARY KEY (creative_id, number),
  UNIQUE (creative_id, url),
  CHECK ((state = 'kept') = (name IS NOT NULL))
);
CREATE TRIGGER keep_signed BEFORE INSERT OR UPDATE OR DELETE ON creative_image
  FOR EACH ROW EXECUTE FUNCTION keep_signed_links();

-- What is signed is all there: nothing that is still to be fetched.
CREATE FUNCTION images_are_there() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp AS $$
BEGIN
  IF EXISTS (SELECT 1 FROM creative_image i WHERE i.creative_id = NEW.id AND i.state = 'waiting') THEN
    RAISE EXCEPTION 'images are still to be fetched' USING ERRCODE = 'check_violation', CONSTRAINT = 'images_waiting';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER images_are_there BEFORE UPDATE OF state ON creative FOR EACH ROW
  WHEN (OLD.state = 'draft' AND NEW.state = 'signed') EXECUTE FUNCTION images_are_there();

CREATE FUNCTION find_mail_image(p_name text) RETURNS bytea LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = public, pg_temp AS $$ SELECT content FROM mail_image WHERE name = p_name $$;

-- Which merge tags an advertiser may use; no row: all that are declared.
CREATE TABLE merge_tag_right (
  org_id bigint PRIMARY KEY REFERENCES organisation,
  tags text[] NOT NULL,
  set_by bigint, set_at timestamptz NOT NULL DEFAULT app_now()
);
INSERT INTO jobs.kind VALUES ('fetch_images', 'mailing');
"""


def upgrade() -> None:
    op.execute("SET LOCAL ROLE courtier_owner")
    op.execute(TABLES)
    protect("mail_image", using="false")
    protect(
        "creative_image",
        using="EXISTS (SELECT 1 FROM creative c WHERE c.id = creative_image.creative_id)",
        check="EXISTS (SELECT 1 FROM creative c WHERE c.id = creative_image.creative_id AND c.org_id = app_org())",
        web="SELECT, INSERT (creative_id, number, url), UPDATE (state), DELETE",
    )
    # Who may read a creative may not delete its images: a policy's check is not asked when a row is deleted.
    op.execute(
        "CREATE POLICY own_images ON creative_image AS RESTRICTIVE FOR DELETE TO courtier_web USING ("
        "EXISTS (SELECT 1 FROM creative c WHERE c.id = creative_image.creative_id AND c.org_id = app_org()))"
    )
    protect(
        "merge_tag_right",
        using="org_id = app_org() OR app_staff()",
        check="app_role() = 'broker'",
        web="SELECT, INSERT, UPDATE, DELETE",
    )
    op.execute(
        "CREATE POLICY broker_only ON merge_tag_right AS RESTRICTIVE FOR DELETE TO courtier_web"
        " USING (app_role() = 'broker')"
    )
    definer("images_are_there()", to="courtier_web, courtier_worker")
    definer("find_mail_image(text)", to="courtier_public, courtier_web, courtier_worker")
    op.execute("RESET ROLE")


def downgrade() -> None:
    op.execute("DELETE FROM jobs.kind WHERE kind = 'fetch_images'")
    op.execute("DROP TRIGGER images_are_there ON creative")
    op.execute("DROP FUNCTION images_are_there(), find_mail_image(text)")
    op.execute("DROP TABLE merge_tag_right, creative_image, mail_image")
    op.execute("ALTER TABLE creative DROP preheader, DROP own_plain, DROP utm")
