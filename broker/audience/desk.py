"""The count desk: the questions that the audience process answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from broker.audience import store
from broker.audience.breakdown import guarded_profile
from broker.audience.check import check_rule
from broker.audience.exclusions import exclusion_reasons, tally_of
from broker.audience.guard import Decision, Shown, check_selects, decide, furthest
from broker.audience.loaded import LoadedSnapshot, SnapshotCache
from broker.audience.model import EVERY_VIEWER, EXCLUSIONS, Mask, QuestionBudgetSpent
from broker.audience.references import checked_rule
from broker.audience.rule import Rule, both, clean_rule, rule_hash
from broker.audience.scan import Scan
from broker.kernel.database import Database, UnitOfWork
from broker.kernel.errors import Conflict, InvalidInput, NotFound
from broker.kernel.settings import Settings


@dataclass(frozen=True)
class CountDesk:
    """Answers questions, each in one transaction of the worker role."""

    database: Database
    settings: Settings
    cache: SnapshotCache
    # Questions that rooms below this one answer (insight), by name.
    more: Mapping[str, Callable[[CountDesk, Mapping[str, Any]], dict[str, Any]]] = field(default_factory=dict)

    def answer(self, call: object, arguments: object) -> dict[str, Any]:
        """One question as it arrived; raises `CourtierError`."""
        calls: dict[str, Callable[[Mapping[str, Any]], dict[str, Any]]] = {
            "count_for_owner": self.count_for_owner,
            "size_card": self.size_card,
            "count_for_advertiser": self.count_for_advertiser,
        }
        if isinstance(call, str) and call in self.more and isinstance(arguments, dict):
            return self.more[call](self, arguments)
        if not isinstance(call, str) or call not in calls or not isinstance(arguments, dict):
            raise InvalidInput("The audience process knows no such question.", code="bad_question")
        return calls[call](arguments)

    def count_for_owner(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Exact: `{count, rentable, exclusions}`."""
        base_id, advertiser_id = _number(arguments, "base_id"), _number_or_none(arguments, "advertiser_id")
        with self.database.begin() as unit:
            snapshot = self.snapshot(unit, base_id)
            tally = tally_of(self._left(unit, snapshot, clean_rule(arguments.get("rule")), advertiser_id).taken)
        return {"count": tally.count, "rentable": tally.rentable, "exclusions": tally.exclusions}

    def size_card(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """What publishing a rule as a card would mean; its figures for the public are remembered as shown to all."""
        base_id, advertiser_id = _number(arguments, "base_id"), _number_or_none(arguments, "advertiser_id")
        rule = clean_rule(arguments.get("rule"))
        rules = self.settings.disclosure
        with self.database.begin() as unit:
            store.lock_answers(unit, base_id)
            snapshot = self.snapshot(unit, base_id)
            scan = self._left(unit, snapshot, rule, advertiser_id)
            left, tally = scan.left, tally_of(scan.taken)
            b2c = snapshot.row.contact_kind == "b2c"
            floor = rules.publication_floor_b2c if b2c else rules.publication_floor_b2b
            reaches = tally.rentable >= floor
            answer: dict[str, Any] = {
                "reaches_floor": reaches,
                "floor": floor,
                "count": tally.count,
                "rentable": tally.rentable,
                "exclusions": tally.exclusions,
                "size_shown": 0,
                "profile": {},
                "snapshot_id": snapshot.row.id,
            }
            if reaches:
                decision = self._decide(unit, snapshot, EVERY_VIEWER, rule, left)
                answer["size_shown"] = decision.figure.shown
                answer["profile"] = guarded_profile(snapshot, unit.today, left, rules)
        return answer

    def count_for_advertiser(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Guarded: `{shown, below_floor}`. A question new to the viewer takes one of the day's budget."""
        viewer, card_id = _number(arguments, "viewer_org_id"), _number(arguments, "card_id")
        asked = arguments.get("select_rule")
        select = None if asked is None else clean_rule(asked)
        with self.database.begin() as unit:
            card = store.card_facts(unit, card_id)
            if card is None:
                raise NotFound("This card is not published any more.", code="card_not_found")
            store.lock_answers(unit, card.base_id)
            snapshot = self.snapshot(unit, card.base_id)
            if select is not None:
                select = check_rule(select, snapshot.table(unit.today).columns)
                check_selects(select, card.selects)
            rule = both(card.rule, select)
            decision = self._decide(unit, snapshot, viewer, rule, self._left(unit, snapshot, rule, viewer).left)
        return {"shown": decision.figure.shown, "below_floor": decision.figure.below_floor}

    def _decide(self, unit: UnitOfWork, snapshot: LoadedSnapshot, viewer: int, rule: Rule, left: Mask) -> Decision:
        """The guard's figure for who is left of a rule, with the memory read before and written after."""
        rules, base_id, name = self.settings.disclosure, snapshot.row.base_id, rule_hash(rule)
        reasons: dict[
            int, NDArray[np.uint8]
        ] = {}  # whom each viewer's mails may reach, of those who saw something near

        def mask_of(shown: Shown) -> Mask | None:
            try:
                checked = checked_rule(unit, base_id, shown.rule, snapshot.table(unit.today).columns)
            except InvalidInput:
                return None
            if shown.viewer_org_id not in reasons:
                advertiser = None if shown.viewer_org_id == EVERY_VIEWER else shown.viewer_org_id
                reasons[shown.viewer_org_id] = exclusion_reasons(unit, self.settings.trade, snapshot, advertiser)
            return snapshot.left(checked, unit.today, reasons[shown.viewer_org_id], len(EXCLUSIONS)).left

        count, reach = int(np.count_nonzero(left)), furthest(rules)
        decision = decide(
            left,
            snapshot.noise,
            store.asked_before(unit, viewer, snapshot.row.id, name),
            store.anchors_near(unit, base_id, count - reach, count + reach),
            mask_of,
            rules,
        )
        if not decision.known:
            if viewer != EVERY_VIEWER:
                self._spend(unit, viewer, base_id)
            store.remember(unit, viewer, base_id, snapshot.row.id, name, rule, decision)
        return decision

    def _spend(self, unit: UnitOfWork, viewer: int, base_id: int) -> None:
        allowed = self.settings.disclosure.questions_per_day
        if store.spend_question(unit, viewer, base_id) > allowed:
            raise QuestionBudgetSpent(
                f"Your organisation has asked {allowed} new questions about this base today. Questions asked before"
                " are still answered; new ones are possible tomorrow."
            )

    def snapshot(self, unit: UnitOfWork, base_id: int) -> LoadedSnapshot:
        """The base's current snapshot, loaded; raises `no_snapshot`."""
        row = store.current_snapshot(unit, base_id)
        if row is None:
            raise Conflict("This base holds no contacts yet: import a file first.", code="no_snapshot")
        return self.cache.get(row)

    def _left(self, unit: UnitOfWork, snapshot: LoadedSnapshot, rule: Rule, advertiser_id: int | None) -> Scan:
        """Who is left of a rule towards an advertiser (None: towards somebody)."""
        checked = checked_rule(unit, snapshot.row.base_id, rule, snapshot.table(unit.today).columns)
        reasons = exclusion_reasons(unit, self.settings.trade, snapshot, advertiser_id)
        return snapshot.left(checked, unit.today, reasons, len(EXCLUSIONS))


def base_asked_about(arguments: Mapping[str, Any]) -> int:
    """The `base_id` of a question; raises `bad_question`."""
    return _number(arguments, "base_id")


def _number(arguments: Mapping[str, Any], name: str) -> int:
    value = arguments.get(name)
    if not isinstance(value, int) or isinstance(value, bool):
        raise InvalidInput(f'A question to the audience process needs the number "{name}".', code="bad_question")
    return value


def _number_or_none(arguments: Mapping[str, Any], name: str) -> int | None:
    return None if arguments.get(name) is None else _number(arguments, name)
