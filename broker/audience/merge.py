"""Staged contacts and the snapshot before them made one, as SQL for DuckDB.

A contact missing from the new file stays as it was, unless the file is a full refresh; of a contact in both, the
newer non-empty value of each trait wins. Consent is one thing: its columns change together, to the later proof.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from broker.audience.customer_columns import is_reserved

CONSENT = ("consent_at", "consent_source_id", "partner_list", "consent_complete")
KEYS = ("contact_id", "contact_key")
NUMBERS = {"INTEGER", "BIGINT", "DOUBLE"}


def merged_sql(
    staged: Mapping[str, str],
    before: Mapping[str, str],
    bought: Iterable[str],
    full_refresh: bool,
    policies: Mapping[str, str] | None = None,
) -> str:
    """A query over staged, before, erased, unconsented, clicks and purchases; one row a contact, by contact key.

    `staged` and `before` map each column to its DuckDB type; an empty `staged` renews the purchases alone. Consent
    taken back (`unconsented`: contact, moment) voids a proof that is not later; who bought is a customer. `policies`
    (column → newest, keep) change which value wins; without one it is the newer that is not empty.
    """
    columns = [
        f"{_settled(name, staged, before, policies or {})} AS {_quoted(name)}"
        for name in _in_order(staged, before)
        if not is_reserved(name) and name != "noise"
    ]
    customer = [*(f"p.{name} AS {name}" for name in bought), "k.day AS last_click"]
    if staged and before:
        rows = f"staged n {'LEFT' if full_refresh else 'FULL'} JOIN before o ON o.contact_id = n.contact_id"
    else:
        rows = "staged n" if staged else "before o"
    contact_id = _merged("contact_id", staged, before)
    return (
        f"SELECT {', '.join(columns + customer)} FROM {rows}"  # noqa: S608 - names are quoted
        f" LEFT JOIN purchases p ON p.contact_id = {contact_id}"
        f" LEFT JOIN unconsented w ON w.contact_id = {contact_id}"
        f" LEFT JOIN clicks k ON k.contact_id = {contact_id}"
        f" WHERE {contact_id} NOT IN (SELECT contact_id FROM erased) ORDER BY contact_key"
    )


def _settled(name: str, staged: Mapping[str, str], before: Mapping[str, str], policies: Mapping[str, str]) -> str:
    """The merged value, after what the vault and the purchases say of it."""
    merged = _merged(name, staged, before, policies.get(name, ""))
    if name == "relation":
        return f"CASE WHEN p.contact_id IS NOT NULL THEN 'customer' ELSE {merged} END"
    if name == "consent_complete":
        at = _merged("consent_at", staged, before)
        return f"CASE WHEN w.contact_id IS NOT NULL AND coalesce({at} <= w.at, true) THEN false ELSE {merged} END"
    return merged


def _in_order(staged: Mapping[str, str], before: Mapping[str, str]) -> list[str]:
    names = [*staged, *(name for name in before if name not in staged)]
    return [*KEYS, *(name for name in names if name not in KEYS)]


def _merged(name: str, staged: Mapping[str, str], before: Mapping[str, str], policy: str = "") -> str:
    new, old = f"n.{_quoted(name)}", f"o.{_quoted(name)}"
    if name not in before:
        return new
    if name not in staged:
        return old
    if staged[name] != before[name] and not {staged[name], before[name]} <= NUMBERS:
        # A trait that changed its nature between two files (a number that became a word) is kept as text.
        new, old = f"CAST({new} AS VARCHAR)", f"CAST({old} AS VARCHAR)"
    elif staged[name].endswith("[]"):
        new = f"CASE WHEN len({new}) > 0 THEN {new} END"
    if name in CONSENT:
        newer = (
            "n.contact_id IS NOT NULL AND (o.contact_id IS NULL OR coalesce(o.consent_complete, false) = false"
            " OR (coalesce(n.consent_complete, false) AND n.consent_at >= o.consent_at))"
        )
        return f"CASE WHEN {newer} THEN {new} ELSE {old} END"
    if policy == "newest":
        return f"CASE WHEN n.contact_id IS NOT NULL THEN {new} ELSE {old} END"
    return f"coalesce({old}, {new})" if policy == "keep" else f"coalesce({new}, {old})"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
