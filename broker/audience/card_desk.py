"""Questions about data cards: what publishing one would mean, and the guarded figures that advertisers see."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from broker.audience import answers_store, store
from broker.audience.breakdown import guarded_profile, guarded_tables
from broker.audience.check import check_rule
from broker.audience.desk_means import DeskMeans, day_or_none, number, number_or_none
from broker.audience.distinct import count_distinct, key_set
from broker.audience.exclusions import tally_of
from broker.audience.fingerprint import Fingerprint, fingerprint, fingerprint_of_many
from broker.audience.guard import check_selects, closer_than_threshold, marking_rate
from broker.audience.guarded import guarded_figure
from broker.audience.loaded import LoadedSnapshot
from broker.audience.model import EVERY_VIEWER, CardFacts, Mask
from broker.audience.rule import Rule, both, clean_rule
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import IntegrityFault, InvalidInput, NotFound

MOST_CARDS = 10  # in one question


def size_card(desk: DeskMeans, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """What publishing a rule as a card would mean; its figures for the public are remembered as shown to all.

    A card that is being refreshed (`card_id`) is not compared with itself or with later ones.
    """
    base_id, advertiser_id = number(arguments, "base_id"), number_or_none(arguments, "advertiser_id")
    rule = clean_rule(arguments.get("rule"))
    rules = desk.settings.disclosure
    with desk.database.begin() as unit:
        answers_store.lock_answers(unit, [base_id])
        snapshot = desk.snapshot(unit, base_id)
        scan = desk.left(unit, snapshot, rule, advertiser_id)
        tally = tally_of(scan.taken)
        floor = rules.floor(snapshot.row.contact_kind)
        answer: dict[str, Any] = {
            "reaches_floor": tally.rentable >= floor,
            "floor": floor,
            "count": tally.count,
            "rentable": tally.rentable,
            "exclusions": tally.exclusions,
            "size_shown": 0,
            "profile": {},
            "tables": {},
            "near_card": "",
            "snapshot_id": snapshot.row.id,
        }
        if answer["reaches_floor"]:
            near = _near_card(desk, unit, snapshot, scan.left, number_or_none(arguments, "card_id"))
            answer |= near or _public_figures(desk, unit, snapshot, rule, scan.left)
    return answer


def _public_figures(
    desk: DeskMeans, unit: UnitOfWork, snapshot: LoadedSnapshot, rule: Rule, left: Mask
) -> dict[str, Any]:
    """Size, profile and two-way tables of a card, each cell a question to the guard like any other."""
    rules, of = desk.settings.disclosure, [(snapshot.row.base_id, snapshot.row.id)]

    def figure(question: dict[str, Any], asked: Fingerprint) -> int:
        return guarded_figure(unit, rules, EVERY_VIEWER, of, question, asked).shown

    asked = fingerprint(snapshot.noise, left, marking_rate(rules))
    size = figure({"rule": rule}, asked)
    profile, cells = guarded_profile(snapshot, unit.today, left, rule, figure, marking_rate(rules))
    tables = guarded_tables(snapshot, unit.today, left, rule, cells, figure, marking_rate(rules))
    return {"size_shown": size, "profile": profile, "tables": tables}


def _near_card(
    desk: DeskMeans, unit: UnitOfWork, snapshot: LoadedSnapshot, left: Mask, card_id: int | None
) -> dict[str, Any] | None:
    """All public figures of an earlier card of this snapshot that differs by fewer people than the threshold, exactly
    counted: two cards may not be told apart by so few. The owner, who alone asks this, knows the exact figures."""
    for card in store.cards_of_snapshot(unit, snapshot.row.id):
        if card_id is not None and card.id >= card_id:
            break
        other = desk.left(unit, snapshot, card.rule, None).left
        if closer_than_threshold(left, other, desk.settings.disclosure):
            return {
                "size_shown": card.size_shown,
                "profile": card.profile,
                "tables": card.tables,
                "near_card": card.code,
            }
    return None


def count_for_advertiser(desk: DeskMeans, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Guarded: `{shown, below_floor}`. A question new to the viewer takes one of its budget."""
    viewer, card_id = number(arguments, "viewer_org_id"), number(arguments, "card_id")
    part = {"card_id": card_id, "select_rule": arguments.get("select_rule")}
    found = count_cards(desk, {"viewer_org_id": viewer, "parts": [part], "send_on": arguments.get("send_on")})
    return {"shown": found["shown"], "below_floor": found["below_floor"]}


def count_cards(desk: DeskMeans, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """`parts`: [{card_id, select_rule}] → `{shown, below_floor, parts: [{card_id, shown, below_floor}]}`.

    The first figures are of the people in any of the parts: somebody who stands in several cards, or bases, counts
    once. Everything is minus the viewer's opt-outs and suppression files, and net of what is reserved on `send_on`.
    """
    viewer, parts = number(arguments, "viewer_org_id"), arguments.get("parts")
    send_on = day_or_none(arguments, "send_on")
    day = {} if send_on is None else {"on": send_on.isoformat()}
    if not isinstance(parts, list) or not 1 <= len(parts) <= MOST_CARDS:
        raise InvalidInput(f"Count 1 to {MOST_CARDS} cards at a time.", code="too_many_cards", field="cards")
    rules = desk.settings.disclosure
    with desk.database.begin() as unit:
        asked = [_asked(unit, part) for part in parts]
        answers_store.lock_answers(unit, [card.base_id for card, _ in asked])
        sets: dict[int, tuple[LoadedSnapshot, Mask]] = {}
        figures, questions = [], []
        for card, select in asked:
            snapshot = desk.snapshot(unit, card.base_id)
            if select is not None:
                select = check_rule(select, snapshot.table(unit.today).columns)
            rule = both(card.rule, select)
            left = desk.left(unit, snapshot, rule, viewer, send_on).left
            of = [(card.base_id, snapshot.row.id)]
            one = guarded_figure(
                unit, rules, viewer, of, {"rule": rule, **day}, fingerprint(snapshot.noise, left, marking_rate(rules))
            )
            figures.append({"card_id": card.id, "shown": one.shown, "below_floor": one.below_floor})
            questions.append([card.base_id, rule])
            former = sets.get(card.base_id)
            sets[card.base_id] = (snapshot, left if former is None else former[1] | left)
        if len(parts) == 1:
            return {"shown": one.shown, "below_floor": one.below_floor, "parts": figures}
        whole = guarded_figure(
            unit,
            rules,
            viewer,
            [(base_id, snapshot.row.id) for base_id, (snapshot, _) in sorted(sets.items())],
            {"any": sorted(questions, key=str), **day},
            _of_any(list(sets.values()), marking_rate(rules)),
        )
    return {"shown": whole.shown, "below_floor": whole.below_floor, "parts": figures}


def _asked(unit: UnitOfWork, part: object) -> tuple[CardFacts, Rule | None]:
    """A part's card and its select, which asks about the card's own selects only."""
    if not isinstance(part, dict):
        raise InvalidInput("A part of a question names a card.", code="bad_question")
    card = store.card_facts(unit, number(part, "card_id"))
    if card is None:
        raise NotFound("This card is not published any more.", code="card_not_found")
    if part.get("select_rule") is None:
        return card, None
    select = clean_rule(part["select_rule"])
    check_selects(select, card.selects)
    return card, select


def _of_any(sets: list[tuple[LoadedSnapshot, Mask]], rate: int) -> Fingerprint:
    """The people in any of the sets, each of another base; their exact number is proved by their contact keys."""
    if len(sets) == 1:
        return fingerprint(sets[0][0].noise, sets[0][1], rate)
    noise: list[NDArray[np.int64]] = [np.compress(left, snapshot.noise) for snapshot, left in sets]
    found = fingerprint_of_many(list(noise), rate)
    count = count_distinct([key_set(snapshot.contact_keys).only(left) for snapshot, left in sets])
    if count != found.count:
        raise IntegrityFault("Noise keys do not tell the people of several bases apart.", code="noise_keys")
    return found
