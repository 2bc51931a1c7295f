"""What an owner asks of whoever books a card: languages, approval, advertisers and sectors that it does not take."""

from __future__ import annotations

import difflib

from broker.bases.store import advertisers_by_code
from broker.catalogue import search_store
from broker.catalogue.model import LANGUAGES, CardTerms
from broker.catalogue.sensitive_text import refuse_sensitive_text
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import Conflict, InvalidInput

LONGEST_WAIT_DAYS = 30


def check_terms(unit: UnitOfWork, terms: CardTerms) -> None:
    """Raises `bad_language`, `bad_approval`, `unknown_advertiser`, `sensitive_text`."""
    odd = next((language for language in terms.languages if language not in LANGUAGES), None)
    if odd is not None or not terms.languages:
        near = difflib.get_close_matches(odd or "", LANGUAGES, n=1)
        hint = f'did you mean "{near[0]}"?' if near else f"known: {', '.join(LANGUAGES)}."
        raise InvalidInput(f'"{odd or ""}" is no language of a card; {hint}', code="bad_language", field="languages")
    if terms.approval not in ("each_piece", "each_advertiser"):
        raise InvalidInput(
            "Approve each_piece (every message) or each_advertiser (its first message).",
            code="bad_approval",
            field="approval",
        )
    if not 0 <= terms.approval_days <= LONGEST_WAIT_DAYS:
        raise InvalidInput(
            f"An answer takes 0 to {LONGEST_WAIT_DAYS} working days.", code="bad_approval", field="approval_days"
        )
    refuse_sensitive_text(terms.approval_note, "approval_note")
    known = advertisers_by_code(unit, sorted(terms.refused_advertisers))
    for code in terms.refused_advertisers:
        if code not in known:
            raise InvalidInput(
                f"There is no advertiser {code!r}.", code="unknown_advertiser", field="refused_advertisers"
            )


def refuse_unwanted(unit: UnitOfWork, card_code: str) -> None:
    """Refuse the acting advertiser where the card's owner does not take it or its sector (`card_exclusion`)."""
    reason = search_store.card_refusal(unit, card_code)
    if reason:
        whom = "your organisation" if reason == "advertiser" else "advertisers of your sector"
        raise Conflict(
            f"The owner of this card takes no orders of {whom}. Search the catalogue for another.",
            code="card_exclusion",
            field="card",
        )
