"""The fields that a rule may name: columns of a snapshot or file, and fields derived from them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

import pyarrow as pa

ColumnType = Literal["category", "number", "date", "bool", "tags"]

# Machinery of a snapshot: never a field of a rule, since a rule on a key would single out a person.
HIDDEN = frozenset(
    {"contact_id", "contact_key", "noise", "consent_source_id", "partner_list", "consent_complete", "minor"}
)
# Derived field: its type, its label and the columns it needs. A column of the same name goes before it.
DERIVED: dict[str, tuple[ColumnType, str, tuple[str, ...]]] = {
    "age": ("number", "age in whole years", ("birth_date",)),
    "birthday_month": ("number", "month of birth", ("birth_date",)),
    "recency_days": ("number", "days since the last purchase", ("last_purchase",)),
    "click_days": ("number", "days since the last click in a mail", ("last_click",)),
    "tenure_days": ("number", "days since the first purchase, else since consent", ("first_purchase", "consent_at")),
    "spend": ("number", "amount bought, in euros", ("spend_cents",)),
    "margin": ("number", "margin made, in euros", ("margin_cents",)),
    "department": ("category", "department of the post code", ("postcode",)),
    "region": ("category", "region of the post code", ("postcode",)),
}
# Every date column has a field of its name and this ending: the days until its next anniversary, 0 on the day itself.
ANNIVERSARY = "_anniversary"


@dataclass(frozen=True, slots=True)
class Column:
    """A field with its type; `values` are the known ones of a category with few, for pages and for checks."""

    name: str
    type: ColumnType
    label: str = ""
    values: tuple[str, ...] = ()


def columns_from_json(rows: Iterable[dict[str, Any]]) -> list[Column]:
    """From the `columns` of a snapshot's row."""
    return [Column(row["name"], row["type"], row.get("label", ""), tuple(row.get("values") or ())) for row in rows]


def arrow_columns(schema: pa.Schema) -> list[Column]:
    """The fields of an Arrow or Parquet schema; machinery and types that no rule can ask about are left out."""
    columns = []
    for field in schema:
        kind = arrow_type(field.type)
        if kind is not None and field.name not in HIDDEN:
            columns.append(Column(field.name, kind, field.name.replace("_", " ")))
    return columns


def with_derived(columns: Iterable[Column]) -> list[Column]:
    """The columns, and the fields that can be derived from them."""
    known = list(columns)
    types = {column.name: column.type for column in known}
    for name, (kind, label, sources) in DERIVED.items():
        if name not in types and all(_fits(types.get(source), source) for source in sources):
            known.append(Column(name, kind, label))
    for name, kind in types.items():
        if kind == "date" and name + ANNIVERSARY not in types:
            known.append(Column(name + ANNIVERSARY, "number", f"days until {name.replace('_', ' ')} comes round"))
    return known


def arrow_type(kind: pa.DataType) -> ColumnType | None:
    """The rule type of an Arrow type, or None."""
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    if pa.types.is_boolean(kind):
        return "bool"
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return "number"
    if pa.types.is_date(kind) or pa.types.is_timestamp(kind):
        return "date"
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return "category"
    if (pa.types.is_list(kind) or pa.types.is_large_list(kind)) and arrow_type(kind.value_type) == "category":
        return "tags"
    return None


def _fits(kind: ColumnType | None, source: str) -> bool:
    if source == "postcode":
        return kind in ("category", "number")
    return kind == ("number" if source.endswith("_cents") else "date")
