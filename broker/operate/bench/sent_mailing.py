"""A mailing that has been sent, in a scratch database: what a benchmark of its clicks needs and no more."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import text

from broker.kernel.database import make_engine
from broker.vault.keyring import load_front
from broker.vault.tokens import make_tokens

LINKS = ("https://shop.example/autumn", "https://shop.example/rings?size=52", "https://shop.example/contact")
_ROWS = (
    "SET LOCAL session_replication_role = replica",  # order, card and segment play no part here
    "INSERT INTO organisation (code, kind, name) VALUES ('bench', 'owner', 'Bench')",
    "INSERT INTO base (org_id, code, name) SELECT id, 'bench', 'Bench' FROM organisation WHERE code = 'bench'",
    "INSERT INTO creative (code, org_id, name, subject, from_name, source_html, html, plain, content_hash)"
    " SELECT 'bench', id, '', '', '', '', '', '', '' FROM organisation WHERE code = 'bench'",
    "INSERT INTO dispatch (id, order_id, owner_id, advertiser_id)"
    " SELECT 202611000001, 1, id, id FROM organisation WHERE code = 'bench'",
    "INSERT INTO mailing (code, kind, dispatch_id, owner_id, advertiser_id, base_id, creative_id, content_hash, state,"
    " price_micros, commission_bp, draw_seed)"
    " SELECT 'bench', 'rental', 202611000001, o.id, o.id, b.id, c.id, '', 'sent', 25000, 2000, 1"
    " FROM organisation o JOIN base b ON b.code = 'bench' JOIN creative c ON c.code = 'bench' WHERE o.code = 'bench'",
)


def make_sent_mailing(admin_url: str, key_dir: Path, persons: int) -> list[str]:
    """Write the mailing; the paths of one click of each person, on the links in turn."""
    engine = make_engine(admin_url)
    with engine.begin() as connection:
        for statement in _ROWS:
            connection.execute(text(statement))
        for number, url in enumerate(LINKS):
            connection.execute(
                text("INSERT INTO creative_link SELECT id, :number, :url, false FROM creative WHERE code = 'bench'"),
                {"number": number, "url": url},
            )
        dispatch, mailing = connection.execute(text("SELECT dispatch_id, id FROM mailing WHERE code = 'bench'")).one()
    engine.dispose()
    places = [(position, position % len(LINKS)) for position in range(1, persons + 1)]
    tokens = make_tokens(load_front(key_dir), "click", dispatch, mailing, places)
    return [f"/c/{token}" for token in tokens]


def count_hits(admin_url: str) -> int:
    """Hits in the database."""
    engine = make_engine(admin_url)
    with engine.begin() as connection:
        count: int = connection.execute(text("SELECT count(*) FROM hit")).scalar_one()
    engine.dispose()
    return count
