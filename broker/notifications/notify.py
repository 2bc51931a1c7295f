"""Tell an organisation that something happened: the one verb by which any room speaks to people and programs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date

from broker.kernel.database import UnitOfWork
from broker.kernel.log import blot_out
from broker.notifications import store
from broker.notifications.kinds import kind_named

LONGEST_FACT = 300
Fact = str | int | date


def notify(unit: UnitOfWork, kind: str, org_id: int | None, code: str, *, once: str = "", **facts: Fact) -> None:
    """Tell the organisation `org_id` (None: the broker) that `kind` happened to the object `code`.

    It is told if, and only if, the transaction commits: on the page of everybody whom the kind concerns, by mail
    as each chose, and to the organisation's webhooks. What an advertiser is told of an order reaches the agency
    that placed it as well, while its mandate stands. Whoever acts is not told what they just did. `facts` are
    those that the catalogue names for the kind, neither more nor fewer (`ValueError`): codes, names of
    organisations and things, figures, days; never anything of a contact. With `once` (a word, a day) the same is
    told under that word only once.
    """
    notify_of(unit, kind, org_id, code, facts, once)


def notify_of(
    unit: UnitOfWork, kind: str, org_id: int | None, code: str, facts: Mapping[str, Fact], once: str = ""
) -> None:
    """`notify` for facts that are gathered in a table."""
    entry = kind_named(kind)
    if set(facts) != set(entry.facts):
        raise ValueError(f"{kind} takes the facts {', '.join(entry.facts) or 'none'}, not {', '.join(facts) or 'none'}")
    written = {name: _written(value) for name, value in facts.items()}
    store.notify(unit, entry, org_id, code, json.dumps(written), once)
    if entry.object == "order" and "agency" in entry.roles and org_id is not None:
        agency = store.agency_to_tell(unit, code, org_id)
        if agency is not None:
            store.notify(unit, entry, agency, code, json.dumps(written), once)


def _written(value: Fact) -> str | int:
    """A fact as JSON holds it: free words are cut, and what looks like an address is blotted out."""
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, str):
        return str(blot_out(" ".join(value.split())))[:LONGEST_FACT]
    return value
