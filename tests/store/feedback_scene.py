"""A mailing that has been sent, for the tests of what comes back from it."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from sqlalchemy import Engine, text

from broker.vault.keyring import FrontKeys
from broker.vault.tokens import Purpose, make_token

MONTH = 202611


@dataclass(frozen=True)
class Scene:
    """Ids and names of a sent mailing with `sends` accepted sends at positions 1, 2, …; links 1 to 3, hidden 0."""

    admin: Engine
    dispatch_id: int
    mailing_id: int
    base_id: int
    base_code: str
    owner_name: str
    advertiser_id: int
    advertiser_name: str

    def token(self, front: FrontKeys, purpose: Purpose, position: int, link: int = 0) -> str:
        """A token of a send."""
        return make_token(front, purpose, self.dispatch_id, self.mailing_id, position, link)

    def all(self, sql: str, **values: object) -> list[tuple[object, ...]]:
        """Look behind the roles; `:dispatch` and `:mailing` are filled in."""
        with self.admin.begin() as connection:
            given = {"dispatch": self.dispatch_id, "mailing": self.mailing_id} | values
            named = {name: value for name, value in given.items() if f":{name}" in sql}
            return [tuple(row) for row in connection.execute(text(sql), named)]

    def change(self, sql: str, **values: object) -> None:
        """Set the scene further."""
        with self.admin.begin() as connection:
            given = {"dispatch": self.dispatch_id, "mailing": self.mailing_id} | values
            connection.execute(text(sql), {name: value for name, value in given.items() if f":{name}" in sql})

    def state(self, position: int) -> tuple[object, ...]:
        """(state, bounced, bounce status) of a send."""
        (row,) = self.all(
            "SELECT state, bounced_at IS NOT NULL, bounce_status FROM send"
            " WHERE dispatch_id = :dispatch AND mailing_id = :mailing AND position = :position",
            position=position,
        )
        return row

    def key(self, position: int) -> bytes:
        """The contact key of a send."""
        return contact_key(self.dispatch_id, position)

    def suppressions(self, position: int) -> list[tuple[object, ...]]:
        """(scope, base, advertiser, reason) of the person of a send."""
        return self.all(
            "SELECT scope, base_id, advertiser_id, reason FROM suppression WHERE contact_key = :key ORDER BY scope",
            key=self.key(position),
        )


def contact_key(dispatch_id: int, position: int) -> bytes:
    """A contact key that no other scene has."""
    return dispatch_id.to_bytes(8, "big") + position.to_bytes(8, "big")


def make_scene(admin: Engine, sends: int = 6) -> Scene:
    """Write a sent mailing, committed: the public role and the worker look at it on connections of their own."""
    tag = secrets.token_hex(4)
    with admin.begin() as connection:

        def one(sql: str, **values: object) -> int:
            return int(connection.execute(text(sql), values).scalar_one())

        # What a mailing rests on (order, card, segment) plays no part here: foreign keys rest for this transaction.
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        organisation = "INSERT INTO organisation (code, kind, name) VALUES (:code, :kind, :name) RETURNING id"
        owner = one(organisation, code=f"org_o{tag}", kind="owner", name=f"Bijouterie {tag}")
        advertiser = one(organisation, code=f"org_a{tag}", kind="advertiser", name=f"Fleuriste & fils {tag}")
        base = one(
            "INSERT INTO base (org_id, code, name) VALUES (:org, :code, 'Clients') RETURNING id",
            org=owner,
            code=f"base-{tag}",
        )
        creative = one(
            "INSERT INTO creative (code, org_id, name, subject, from_name, source_html, html, plain, content_hash)"
            " VALUES (:code, :org, 'c', 's', 'f', '', '', '', '') RETURNING id",
            code=f"cre_{tag}",
            org=advertiser,
        )
        for number in range(4):
            connection.execute(
                text("INSERT INTO creative_link VALUES (:creative, :number, :url, :hidden)"),
                {
                    "creative": creative,
                    "number": number,
                    "url": f"https://shop.example/{number}?a=1&b=é",
                    "hidden": number == 0,
                },
            )
        connection.execute(text("SELECT make_send_partition(:month)"), {"month": MONTH})
        dispatch = one("SELECT next_dispatch(:month)", month=MONTH)
        connection.execute(
            text("INSERT INTO dispatch (id, order_id, owner_id, advertiser_id) VALUES (:id, 1, :owner, :advertiser)"),
            {"id": dispatch, "owner": owner, "advertiser": advertiser},
        )
        mailing = one(
            "INSERT INTO mailing (code, kind, dispatch_id, owner_id, advertiser_id, base_id, creative_id, content_hash,"
            " state, price_micros, commission_bp, draw_seed) VALUES (:code, 'rental', :dispatch, :owner, :advertiser,"
            " :base, :creative, '', 'sent', 25000, 2000, 1) RETURNING id",
            code=f"mlg_{tag}",
            dispatch=dispatch,
            owner=owner,
            advertiser=advertiser,
            base=base,
            creative=creative,
        )
        for position in range(1, sends + 1):
            connection.execute(
                text(
                    "INSERT INTO send (dispatch_id, mailing_id, position, contact_id, contact_key, state,"
                    " price_micros, outcome_at) VALUES (:dispatch, :mailing, :position, :position, :key, 'accepted',"
                    " 25000, app_now() - interval '1 hour')"
                ),
                {
                    "dispatch": dispatch,
                    "mailing": mailing,
                    "position": position,
                    "key": contact_key(dispatch, position),
                },
            )
    return Scene(
        admin, dispatch, mailing, base, f"base-{tag}", f"Bijouterie {tag}", advertiser, f"Fleuriste & fils {tag}"
    )
