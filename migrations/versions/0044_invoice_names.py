"""Whoever holds an invoice reads the names of both of its parties: the platform's, an owner's, an agency's client's."""

from __future__ import annotations

from alembic import op

revision = "0044"
down_revision = "0043"
branch_labels = None
depends_on = None

NAME = """
CREATE OR REPLACE FUNCTION party_name(p_org bigint) RETURNS text
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT o.name FROM organisation o WHERE o.id = p_org AND (
    o.id = app_org() OR app_staff() OR app_role() = 'system'
    OR EXISTS (SELECT 1 FROM rental_order r WHERE r.state <> 'quote'
               AND (r.owner_id, r.advertiser_id) IN ((o.id, app_org()), (app_org(), o.id)))
    OR EXISTS (SELECT 1 FROM participation p
               WHERE (p.owner_id, p.advertiser_id) IN ((o.id, app_org()), (app_org(), o.id)))
{more}    OR (app_role() = 'owner' AND EXISTS (
               SELECT 1 FROM programme g WHERE g.advertiser_id = o.id AND g.state = 'open')))
$$;
"""
# An invoice names its seller and its buyer by law (CGI annexe II, art. 242 nonies A).
INVOICED = """    OR EXISTS (SELECT 1 FROM invoice i WHERE i.seller_id = o.id AND i.buyer_id = app_org())
    OR EXISTS (SELECT 1 FROM invoice i WHERE i.seller_id = app_org() AND i.buyer_id = o.id)
"""


def upgrade() -> None:
    op.execute("SET LOCAL ROLE courtier_owner")
    op.execute(NAME.format(more=INVOICED))
    op.execute("RESET ROLE")


def downgrade() -> None:
    op.execute("SET LOCAL ROLE courtier_owner")
    op.execute(NAME.format(more=""))
    op.execute("RESET ROLE")
