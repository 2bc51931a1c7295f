"""The front's way to the audience process. One connection a question; a dead or hung process is told in seconds."""

from __future__ import annotations

import json
import socket
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from broker.audience.protocol import LARGEST_MESSAGE, error_of, line
from broker.audience.rule import Rule
from broker.kernel.errors import InvalidInput, Unavailable

CONNECT_SECONDS = 2.0
HEARD_SECONDS = 4.0
ANSWER_SECONDS = 60.0


class AudienceClient:
    """Asks the audience process. Every method raises the process's own `CourtierError`, or `Unavailable`."""

    def __init__(self, socket_path: Path) -> None:
        self.socket_path = socket_path

    def count_for_owner(
        self, base_id: int, rule: Rule, advertiser_id: int | None = None, send_on: date | None = None
    ) -> dict[str, Any]:
        """Exact figures, for the base's owner alone: `{count, rentable, exclusions: {name: n}}`.

        The caller has checked that the base is the actor's. `count` is the rule alone, `rentable` what is left
        after all exclusions; `count = rentable + sum(exclusions)`. With a send date, pressure is that day's and
        `reserved` are who gets another mail on it. Raises `send_date_passed`.
        """
        day = None if send_on is None else send_on.isoformat()
        return self.ask("count_for_owner", base_id=base_id, rule=rule, advertiser_id=advertiser_id, send_on=day)

    def size_card(
        self, base_id: int, rule: Rule, advertiser_id: int | None = None, card_id: int | None = None
    ) -> dict[str, Any]:
        """For publishing: `{reaches_floor, floor, count, rentable, size_shown, exclusions, profile, tables, near_card,
        snapshot_id}`.

        `size_shown`, `profile` and `tables` are guarded and may be published; the rest is for the owner. `near_card`
        is the code of an earlier card whose figures are repeated, since the two differ by too few people.
        """
        return self.ask("size_card", base_id=base_id, rule=rule, advertiser_id=advertiser_id, card_id=card_id)

    def count_cards(
        self, viewer_org_id: int, parts: Sequence[Mapping[str, Any]], send_on: date | None = None
    ) -> dict[str, Any]:
        """Guarded figures of several cards: `{shown, below_floor, parts: [{card_id, shown, below_floor}]}`.

        `parts` are `{card_id, select_rule}`; somebody who stands in several counts once in the whole.
        """
        day = None if send_on is None else send_on.isoformat()
        return self.ask("count_cards", viewer_org_id=viewer_org_id, parts=list(parts), send_on=day)

    def count_for_advertiser(
        self, viewer_org_id: int, card_id: int, select_rule: Rule | None, send_on: date | None = None
    ) -> dict[str, Any]:
        """The guarded figure of a card with selects: `{shown, below_floor}`, `shown` being 0 below the floor.

        With a day, net of who is held on it or at the cap of mails.
        """
        return self.ask(
            "count_for_advertiser",
            viewer_org_id=viewer_org_id,
            card_id=card_id,
            select_rule=select_rule,
            send_on=None if send_on is None else send_on.isoformat(),
        )

    def compare_segments(
        self,
        parts: Sequence[tuple[int, Rule]],
        viewer_org_id: int | None = None,
        advertiser_id: int | None = None,
        send_on: date | None = None,
    ) -> dict[str, Any]:
        """How far 2 to 8 (base, rule) overlap, after exclusions: `{sizes: [n], pairs: [{one, other, both}], union}`.

        Exact without a viewer: the caller has checked that all bases are the actor's. To a viewer (the broker) every
        figure is guarded, 0 being under the floor.
        """
        return self.ask(
            "compare_segments",
            parts=[{"base_id": base_id, "rule": rule} for base_id, rule in parts],
            viewer_org_id=viewer_org_id,
            advertiser_id=advertiser_id,
            send_on=None if send_on is None else send_on.isoformat(),
        )

    def suggest_segments(
        self, base_id: int, target: str = "bought", months: int = 12, most: int = 10
    ) -> dict[str, Any]:
        """Which traits go with buying, as rules tried on held-out contacts; for the base's owner alone.

        `target` is `bought`, `bought_within` (the last `months`) or `large` (value tier). The answer:
        `{suggestions: [{rule_text, rule, size, rate, lift, lift_low, lift_high, held_out, p_value, tells_all}], rate,
        contacts, traits, seen, tried}` (insight/suggest.py says what each means). Raises `no_purchases`.
        """
        return self.ask("suggest_segments", base_id=base_id, target=target, months=months, most=most)

    def overlap(self, base_id: int, rules: Sequence[Rule]) -> dict[str, Any]:
        """What rules of one base share, exactly, for its owner alone: `{sizes, pairs, union, parts}` (rule_desk.py)."""
        return self.ask("overlap", base_id=base_id, rules=list(rules))

    def own_profile(self, base_id: int, rule: Rule) -> dict[str, Any]:
        """Who a rule's members are, exactly, for the base's owner alone: `{people, profile}` (rule_desk.py)."""
        return self.ask("own_profile", base_id=base_id, rule=rule)

    def count_own(
        self, base_id: int, owner_id: int, basis: str, rules: Sequence[Rule], send_on: date | None = None
    ) -> dict[str, Any]:
        """Whom an own mailing reaches, variant by variant, for the base's owner alone (own_desk.py)."""
        day = None if send_on is None else send_on.isoformat()
        return self.ask("count_own", base_id=base_id, owner_id=owner_id, basis=basis, rules=list(rules), send_on=day)

    def pressure_days(
        self,
        base_id: int,
        rule: Rule,
        start: date,
        length: int = 21,
        advertiser_id: int | None = None,
        but: str = "",
    ) -> dict[str, Any]:
        """How many of a rule's people each of some days would lose to pressure, for the base's owner (own_desk.py)."""
        return self.ask(
            "pressure_days",
            base_id=base_id,
            rule=rule,
            start=start.isoformat(),
            length=length,
            advertiser_id=advertiser_id,
            but=but,
        )

    def ask(self, call: str, **arguments: Any) -> dict[str, Any]:
        """Send one question and read its answer."""
        message = line({"call": call, "arguments": arguments})
        if len(message) > LARGEST_MESSAGE:
            raise InvalidInput("This rule is too large to be counted.", code="bad_rule", field="rule")
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
                connection.settimeout(CONNECT_SECONDS)
                connection.connect(str(self.socket_path))
                connection.settimeout(HEARD_SECONDS)
                connection.sendall(message)
                with connection.makefile("rb") as replies:
                    reply = _reply(replies.readline(LARGEST_MESSAGE))
                    if "working" in reply:
                        connection.settimeout(ANSWER_SECONDS)
                        reply = _reply(replies.readline(LARGEST_MESSAGE))
        except OSError as error:
            raise Unavailable(
                "Audiences cannot be counted right now: the audience process does not answer. Try again in a moment;"
                " if it lasts, the operator sees why with `courtier doctor`.",
                code="audience_unavailable",
            ) from error
        if "error" in reply:
            raise error_of(reply["error"])
        answer: dict[str, Any] = reply["answer"]
        return answer


def _reply(raw: bytes) -> dict[str, Any]:
    if not raw.endswith(b"\n"):  # the process ended in the middle
        raise ConnectionError
    try:
        reply: dict[str, Any] = json.loads(raw)
    except ValueError:
        raise ConnectionError from None
    return reply
