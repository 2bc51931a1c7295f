"""Ask about one contact by the owner's customer reference, or have it erased.

The front holds no key that finds a contact: it seals the reference, a worker answers, and the question is gone within
the hour. The answer names nobody: what identifies is masked.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from broker.audit.record import record
from broker.bases import question_store as store
from broker.bases.find_base import find_base
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import InvalidInput, NotFound
from broker.kernel.ids import new_code
from broker.vault.keyring import FrontKeys
from broker.vault.seal import seal_message

LONGEST_REFERENCE = 200
QUESTION_SEAL = "contact question"
KEPT_MINUTES = 60
QuestionKind = Literal["show", "erase"]


@dataclass(frozen=True, slots=True)
class ContactQuestion:
    """`state` is waiting, answered or unknown (the base has no contact of that reference)."""

    code: str
    base_code: str
    kind: QuestionKind
    state: str
    answer: dict[str, Any] | None
    created_at: datetime


def ask_contact(
    unit: UnitOfWork, front: FrontKeys, base_code: str, reference: str, kind: QuestionKind = "show"
) -> ContactQuestion:
    """Ask a worker; `find_answer` has its answer in a moment. Asked by the owner of the base alone."""
    unit.actor.require("owner")
    base = find_base(unit, base_code)
    text = reference.strip()
    if not text or len(text) > LONGEST_REFERENCE:
        raise InvalidInput(
            f"Give the customer reference as it stands in your files, up to {LONGEST_REFERENCE} characters.",
            code="bad_reference",
            field="reference",
        )
    code = new_code("ask")
    number = store.add_question(
        unit, code, base.org_id, base.id, kind, seal_message(front, text.encode(), f"{QUESTION_SEAL} {code}")
    )
    unit.enqueue("answer_question", number)
    record(unit, f"contact.{kind}_asked", "contact_question", code, base=base_code)
    return find_answer(unit, code)


def find_answer(unit: UnitOfWork, code: str) -> ContactQuestion:
    """The question with its answer, once a worker gave it; both are forgotten after an hour."""
    unit.actor.require("owner")
    row = store.question(unit, code)
    if row is None:
        raise NotFound("There is no such question, or it is over an hour old: ask again.", code="no_question")
    return ContactQuestion(**row._mapping)
