"""The count desk: the questions that the audience process answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from broker.audience import store
from broker.audience.breakdown import guarded_profile
from broker.audience.check import check_rule
from broker.audience.exclusions import exclude, exclusion_masks
from broker.audience.guard import Decision, Shown, check_selects, decide, furthest
from broker.audience.loaded import LoadedSnapshot, SnapshotCache
from broker.audience.model import EVERY_VIEWER, Mask, QuestionBudgetSpent
from broker.audience.rule import Rule, both, clean_rule, rule_hash
from broker.kernel.database import Database, UnitOfWork
from broker.kernel.errors import Conflict, InvalidInput, NotFound
from broker.kernel.settings import Settings


@dataclass(frozen=True)
class CountDesk:
    """Answers questions, each in one transaction of the worker role."""

    database: Database
    settings: Settings
    cache: SnapshotCache

    def answer(self, call: object, arguments: object) -> dict[str, Any]:
        """One question as it arrived; raises `CourtierError`."""
        calls: dict[str, Callable[[Mapping[str, Any]], dict[str, Any]]] = {
            "count_for_owner": self.count_for_owner,
            "size_card": self.size_card,
            "count_for_advertiser": self.count_for_advertiser,
        }
        if not isinstance(call, str) or call not in calls or not isinstance(arguments, dict):
            raise InvalidInput("The audience process knows no such question.", code="bad_question")
        return calls[call](arguments)

    def count_for_owner(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Exact: `{count, rentable, exclusions}`."""
        base_id, advertiser_id = _number(arguments, "base_id"), _number_or_none(arguments, "advertiser_id")
        with self.database.begin() as unit:
            snapshot = self._snapshot(unit, base_id)
            members = self._members(unit, snapshot, clean_rule(arguments.get("rule")))
            _, tally = exclude(members, exclusion_masks(unit, self.settings.trade, snapshot, advertiser_id))
        return {"count": tally.count, "rentable": tally.rentable, "exclusions": tally.exclusions}

    def size_card(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """What publishing a rule as a card would mean; its figures for the public are remembered as shown to all."""
        base_id, advertiser_id = _number(arguments, "base_id"), _number_or_none(arguments, "advertiser_id")
        rule = clean_rule(arguments.get("rule"))
        rules = self.settings.disclosure
        with self.database.begin() as unit:
            store.lock_answers(unit, base_id)
            snapshot = self._snapshot(unit, base_id)
            masks = exclusion_masks(unit, self.settings.trade, snapshot, advertiser_id)
            left, tally = exclude(self._members(unit, snapshot, rule), masks)
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
                answer["profile"] = guarded_profile(snapshot, snapshot.table(unit.today), left, rules)
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
            snapshot = self._snapshot(unit, card.base_id)
            if select is not None:
                select = check_rule(select, snapshot.table(unit.today).columns)
                check_selects(select, card.selects)
            rule = both(card.rule, select)
            masks = exclusion_masks(unit, self.settings.trade, snapshot, viewer)
            left, _ = exclude(self._members(unit, snapshot, rule), masks)
            decision = self._decide(unit, snapshot, viewer, rule, left)
        return {"shown": decision.figure.shown, "below_floor": decision.figure.below_floor}

    def _decide(self, unit: UnitOfWork, snapshot: LoadedSnapshot, viewer: int, rule: Rule, left: Mask) -> Decision:
        """The guard's figure for who is left of a rule, with the memory read before and written after."""
        rules, base_id, name = self.settings.disclosure, snapshot.row.base_id, rule_hash(rule)
        reachable: dict[int, Mask] = {}  # whom each viewer's mails may reach, of those who saw something near

        def mask_of(shown: Shown) -> Mask | None:
            try:
                members = self._members(unit, snapshot, shown.rule)
            except InvalidInput:
                return None
            if shown.viewer_org_id not in reachable:
                advertiser = None if shown.viewer_org_id == EVERY_VIEWER else shown.viewer_org_id
                masks = exclusion_masks(unit, self.settings.trade, snapshot, advertiser)
                reachable[shown.viewer_org_id] = exclude(snapshot.everybody, masks)[0]
            return members & reachable[shown.viewer_org_id]

        count, reach = int(left.sum()), furthest(rules)
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

    def _snapshot(self, unit: UnitOfWork, base_id: int) -> LoadedSnapshot:
        row = store.current_snapshot(unit, base_id)
        if row is None:
            raise Conflict("This base holds no contacts yet: import a file first.", code="no_snapshot")
        return self.cache.get(row)

    def _members(self, unit: UnitOfWork, snapshot: LoadedSnapshot, rule: Rule) -> Mask:
        checked = check_rule(rule, snapshot.table(unit.today).columns)
        return snapshot.mask(checked, unit.today)


def _number(arguments: Mapping[str, Any], name: str) -> int:
    value = arguments.get(name)
    if not isinstance(value, int) or isinstance(value, bool):
        raise InvalidInput(f'A question to the audience process needs the number "{name}".', code="bad_question")
    return value


def _number_or_none(arguments: Mapping[str, Any], name: str) -> int | None:
    return None if arguments.get(name) is None else _number(arguments, name)
