"""The last click in a mail and the favoured product are fields of rules."""

from __future__ import annotations

from broker.audience.build_snapshot import build_snapshot
from tests.store.audience_people import make_import
from tests.store.count_scene import Scene, mail, scene

__all__ = ["scene"]


def test_a_persons_click_and_favoured_product_stand_in_the_next_snapshot(scene: Scene) -> None:
    with scene.database.begin() as unit:
        mail(unit, scene, range(1, 4), times=1, days_ago=20)
        for position, verdict in ((1, "human"), (2, "scanner")):
            unit.run(
                "INSERT INTO hit (dispatch_id, mailing_id, position, link, verdict, at) SELECT dispatch_id, mailing_id,"
                " position, 1, :verdict, app_now() - interval '9 days' FROM send WHERE position = :position",
                position=position,
                verdict=verdict,
            )
        again = make_import(unit, scene.base, "purchases")
        unit.run("DELETE FROM contact WHERE id = 5")
        unit.run(
            "INSERT INTO contact (id, base_id, contact_key, md5_key, sha256_key, pepper_version, key_version, sealed,"
            " import_id) VALUES (5, :base, :key, :key, :key, 1, 1, 'sealed', :run)",
            base=scene.base,
            key=bytes(16),
            run=again,
        )
        for row, product in enumerate(("ring", "ring", "watch", None)):
            unit.run(
                "INSERT INTO purchase (base_id, contact_id, day, amount_cents, product, row_key, import_id)"
                " VALUES (:base, 5, app_now()::date - 3, 100, :product, :row, :run)",
                base=scene.base,
                product=product,
                row=row,
                run=again,
            )
    build_snapshot(scene.database, scene.keys, scene.settings, again)
    for text, expected in (
        ("click_days between 8 and 10", 1),
        ("last_click >= today - 30 days", 1),
        ("click_days > 15", 0),
        ("favourite_product = ring", 1),
        ("not last_click is missing and favourite_product is missing", 1),
    ):
        assert scene.owner_count(text)["count"] == expected, text
