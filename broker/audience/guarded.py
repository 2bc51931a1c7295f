"""The guard with its memory: one figure for one question of one viewer, remembered and paid for."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any

from broker.audience import answers_store
from broker.audience.fingerprint import Fingerprint
from broker.audience.guard import Figure, check_budget, decide, furthest
from broker.audience.model import EVERY_VIEWER
from broker.kernel.database import UnitOfWork
from broker.kernel.settings import DisclosureSettings


def guarded_figure(
    unit: UnitOfWork,
    rules: DisclosureSettings,
    viewer: int,
    of: Sequence[tuple[int, int]],
    question: dict[str, Any],
    asked: Fingerprint,
) -> Figure:
    """The figure of a set. `of`: the (base, snapshot) pairs that it was counted on, whose answers are locked.

    `question` names it, in words that hold no person; asked again on the same snapshot it takes nothing of the budget.
    Raises `question_budget` before anything is worked out.
    """
    name = hashlib.blake2b(json.dumps(question, sort_keys=True).encode(), digest_size=16).digest()
    bases = [base_id for base_id, _ in of]
    known = answers_store.asked_before(unit, viewer, of[0][1], name)
    if not known and viewer != EVERY_VIEWER:
        for base_id in bases:
            check_budget(*answers_store.spend_question(unit, viewer, base_id), rules)
    reach = furthest(rules)
    decision = decide(
        asked,
        answers_store.figure_of_kin(unit, bases, asked.kin) if asked.kin else None,
        answers_store.anchors_near(unit, bases, asked.count - reach, asked.count + reach),
        rules,
    )
    if not (known and decision.kin):
        answers_store.remember(unit, viewer, of, name, question, asked, decision)
    return decision.figure
