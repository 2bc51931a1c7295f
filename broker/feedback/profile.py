"""The page where a person completes or corrects its own data: what it shows, and what is sent.

The front cannot open what is held, so the fields are empty: an empty one changes nothing. What is typed is checked in
form, sealed at once, and applied by a worker.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from broker.bases import profile_store as store
from broker.bases.profile_model import ProfileField, checked_values, profile_field
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import InvalidInput, NotFound
from broker.vault.keyring import FrontKeys
from broker.vault.seal import seal_message

PROFILE_SEAL = "profile"
FORM_VERSION = "profile-1"
_PADDED = 4_096


@dataclass(frozen=True, slots=True)
class ProfilePage:
    """What the page shows: names of the base and its partners, and the fields that the owner opened."""

    owner_name: str
    base_name: str
    base_code: str
    fields: tuple[ProfileField, ...]
    version: int
    partners: tuple[str, ...]


def show_profile(unit: UnitOfWork, request_id: int, base_id: int) -> ProfilePage:
    """The page of a mailed link; raises `link_over` seven days after its mail."""
    row = store.page_of(unit, request_id, base_id)
    if row is None:
        raise NotFound("This link is over: make a new request.", code="link_over")
    fields = tuple(profile_field(one["name"], one["type"]) for one in row.fields)
    return ProfilePage(row.owner_name, row.base_name, row.base_code, fields, row.version, tuple(row.partners))


def submit_profile(
    unit: UnitOfWork,
    front: FrontKeys,
    request_id: int,
    base_id: int,
    typed: Mapping[str, str],
    consent: tuple[str, str, int] | None,
) -> None:
    """Seal what was typed and have it applied. `consent`: (address of the page, the wording ticked, list version)."""
    page = show_profile(unit, request_id, base_id)
    values = checked_values({field.name: field for field in page.fields}, typed)
    if consent is not None and (not page.version or consent[2] != page.version):
        raise InvalidInput("The list of partners has changed meanwhile. Read it again.", code="list_changed")
    if not values and consent is None:
        raise InvalidInput("Fill in at least one field.", code="nothing_filled")
    text = json.dumps({"values": values, "consent": consent}, ensure_ascii=False).encode()
    if not store.store_profile(unit, request_id, base_id, seal_message(front, text.ljust(_PADDED), PROFILE_SEAL)):
        raise NotFound("This link is over: make a new request.", code="link_over")
