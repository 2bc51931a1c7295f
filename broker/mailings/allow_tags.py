"""Which merge tags an advertiser may use: each has its list, set by the broker; all that are declared by default."""

from __future__ import annotations

from collections.abc import Sequence

from broker.accounts.model import Organisation
from broker.audit.record import record
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import InvalidInput
from broker.mailings import image_store
from broker.mailings.slots import MERGE_TAGS


def allow_tags(unit: UnitOfWork, organisation: Organisation, tags: Sequence[str]) -> tuple[str, ...]:
    """Set the list; what is signed already stays as it is."""
    unit.actor.require("broker")
    unknown = [tag for tag in tags if tag not in MERGE_TAGS]
    if unknown:
        raise InvalidInput(
            f"Unknown merge tag: {unknown[0]}. Those there are: {', '.join(MERGE_TAGS)}.",
            code="unknown_tag",
            field="tags",
        )
    image_store.set_merge_tags(unit, organisation.id, tags)
    record(unit, "merge_tags.set", "organisation", organisation.code, tags=list(tags))
    return allowed_tags(unit, organisation)


def allowed_tags(unit: UnitOfWork, organisation: Organisation) -> tuple[str, ...]:
    """Those of an organisation's list."""
    unit.actor.require("broker")
    return tuple(tag for tag in image_store.merge_tags_of(unit, organisation.id) if tag in MERGE_TAGS)
