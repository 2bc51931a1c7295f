"""The queries of what persons supply of themselves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy.engine import Row

from broker.kernel.database import UnitOfWork


def profile_fields(unit: UnitOfWork, base_id: int) -> list[str]:
    """The fields that are open."""
    return list(unit.scalar("SELECT profile_fields FROM base WHERE id = :id", id=base_id) or [])


def set_profile_fields(unit: UnitOfWork, base_id: int, fields: Sequence[str]) -> None:
    """Open these."""
    unit.run("UPDATE base SET profile_fields = :fields WHERE id = :id", id=base_id, fields=list(fields))


def trait_names(unit: UnitOfWork, base_id: int) -> list[str]:
    """The owner's own columns of the current snapshot that a person can answer for: no tags, nothing worked out."""
    rows = unit.all(
        "SELECT c ->> 'name' AS name FROM base b JOIN snapshot s ON s.id = b.current_snapshot_id,"
        " jsonb_array_elements(s.columns) c WHERE b.id = :id AND c ->> 'type' <> 'tags'"
        " AND c ->> 'name' <> ALL(:ours) AND c ->> 'name' NOT LIKE 'last!_bought!_%' ESCAPE '!'",
        id=base_id,
        ours=list(OURS),
    )
    return [row.name for row in rows]


# Columns that imports, purchases and studies make: nobody supplies them.
OURS = (
    "relation", "commune", "department", "region", "country", "has_phone", "has_street", "consent_at", "first_purchase",
    "last_purchase", "purchase_count", "spend_cents", "margin_cents", "favourite_category", "favourite_product",
    "payment_means", "categories", "products", "visit_frequency", "last_visit", "last_click", "rfm_class",
    "rfm_recency", "rfm_frequency", "rfm_monetary", "value_tier", "cycle_days", "habit", "margin_tier", "off_cycle",
    "expected_purchases", "expected_value", "alive", "score",
)  # fmt: skip


def supplied_counts(unit: UnitOfWork, base_id: int) -> dict[str, int]:
    """Contacts by field that they supplied."""
    return {row.field: row.contacts for row in unit.all("SELECT * FROM count_supplied(:id)", id=base_id)}


def page_of(unit: UnitOfWork, request_id: int, base_id: int) -> Row[Any] | None:
    """owner_name, base_name, base_code, fields [{name, type}], version, partners; None when the link is over."""
    return unit.one("SELECT * FROM profile_page(:request, :base)", request=request_id, base=base_id)


def store_profile(unit: UnitOfWork, request_id: int, base_id: int, sealed: bytes) -> bool:
    """Keep what was typed, sealed, and ask for its job; False when the link is over."""
    return bool(
        unit.scalar("SELECT store_profile(:request, :base, :sealed)", request=request_id, base=base_id, sealed=sealed)
    )


def lock_update(unit: UnitOfWork, update_id: int) -> Row[Any] | None:
    """request_id, base_id, sealed, address (sealed), fields of an update that waits, locked."""
    return unit.one(
        "SELECT p.request_id, p.base_id, p.sealed, r.sealed AS address, b.profile_fields AS fields, b.code"
        " FROM profile_update p JOIN typed_request r ON r.id = p.request_id JOIN base b ON b.id = p.base_id"
        " WHERE p.id = :id AND p.applied_at IS NULL FOR UPDATE OF p",
        id=update_id,
    )


def finish_update(unit: UnitOfWork, update_id: int) -> None:
    """Applied: what was typed is destroyed."""
    unit.run("UPDATE profile_update SET sealed = NULL, applied_at = app_now() WHERE id = :id", id=update_id)


def lock_contact(unit: UnitOfWork, base_id: int, keys: Sequence[bytes]) -> Row[Any] | None:
    """id, key_version, sealed, import_id, consent_at, consent_source_id of a person in a base, locked."""
    return unit.one(
        "SELECT id, key_version, sealed, import_id, consent_at, consent_source_id FROM contact"
        " WHERE base_id = :base AND contact_key = ANY(:keys) AND sealed IS NOT NULL ORDER BY id LIMIT 1 FOR UPDATE",
        base=base_id,
        keys=list(keys),
    )


def reseal(unit: UnitOfWork, contact_id: int, key_version: int, sealed: bytes) -> None:
    """The contact's new sealed text."""
    unit.run(
        "UPDATE contact SET sealed = :sealed, key_version = :version, updated_at = app_now() WHERE id = :id",
        id=contact_id,
        version=key_version,
        sealed=sealed,
    )


def keep_supplied(unit: UnitOfWork, contact_id: int, base_id: int, values: Mapping[str, str | None]) -> None:
    """Which fields the contact supplied, with the values of those that are not sealed."""
    unit.run_many(
        "INSERT INTO supplied_field (contact_id, base_id, field, value) VALUES (:contact, :base, :field, :value)"
        " ON CONFLICT (contact_id, field) DO UPDATE SET value = EXCLUDED.value, at = app_now()",
        [{"contact": contact_id, "base": base_id, "field": name, "value": value} for name, value in values.items()],
    )


def give_consent(
    unit: UnitOfWork, contact: Row[Any], base_id: int, url: str, wording: str, form: str, version: int
) -> int:
    """A consent that the person gave on the page, its whole proof; the one before goes to the history."""
    unit.run(
        "INSERT INTO consent_source (base_id, source_url, wording, form_version, partner_list_version)"
        " VALUES (:base, :url, :wording, :form, :version) ON CONFLICT DO NOTHING",
        base=base_id,
        url=url,
        wording=wording,
        form=form,
        version=version,
    )
    source_id: int = unit.scalar(
        "SELECT id FROM consent_source WHERE base_id = :base AND source_url = :url AND wording = :wording"
        " AND form_version = :form AND partner_list_version = :version",
        base=base_id,
        url=url,
        wording=wording,
        form=form,
        version=version,
    )
    if contact.consent_at is not None:
        unit.run(
            "INSERT INTO consent_event (contact_id, kind, at, source_id, import_id)"
            " VALUES (:contact, 'given', :at, :source, :import) ON CONFLICT DO NOTHING",
            contact=contact.id,
            at=contact.consent_at,
            source=contact.consent_source_id,
            **{"import": contact.import_id},
        )
    unit.run(
        "UPDATE contact SET consent_source_id = :source, consent_at = app_now() WHERE id = :contact",
        source=source_id,
        contact=contact.id,
    )
    return source_id


def supplied_since(unit: UnitOfWork, base_id: int) -> datetime | None:
    """When something was supplied that the current snapshot cannot hold yet; None where there is nothing such."""
    found: datetime | None = unit.scalar(
        "SELECT max(f.at) FROM base b JOIN snapshot s ON s.id = b.current_snapshot_id"
        " JOIN supplied_field f ON f.base_id = b.id WHERE b.id = :id AND f.at > s.created_at",
        id=base_id,
    )
    return found


def bases_to_renew(unit: UnitOfWork) -> list[int]:
    """Bases whose snapshot lacks something that a person supplied."""
    rows = unit.all(
        "SELECT DISTINCT b.id FROM base b JOIN snapshot s ON s.id = b.current_snapshot_id"
        " JOIN supplied_field f ON f.base_id = b.id WHERE f.at > s.created_at ORDER BY b.id"
    )
    return [row.id for row in rows]
