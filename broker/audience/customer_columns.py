"""What is known of a customer from purchases: the columns that a snapshot adds to those of contacts."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Protocol

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from broker.kernel.database import UnitOfWork

TAG_MARK = "\x1f"
# One row a contact that bought something, as PURCHASES_COPY gives it.
BOUGHT = pa.schema(
    [
        ("contact_id", pa.int64()),
        ("first_purchase", pa.date32()),
        ("last_purchase", pa.date32()),
        ("purchase_count", pa.int32()),
        ("spend_cents", pa.int64()),
        ("margin_cents", pa.int64()),
        ("favourite_category", pa.string()),
        ("payment_means", pa.string()),
        ("categories", pa.string()),
        ("products", pa.string()),
        ("visits", pa.int32()),
        ("visit_frequency", pa.int32()),
        ("bought_count", pa.int32()),
        ("bought_last", pa.date32()),
        ("favourite_product", pa.string()),
    ]
)
HELPERS = ("visits", "bought_count", "bought_last")  # for traits, not for the snapshot
# Names that belong to purchases: a contacts file never brings them.
RESERVED = frozenset(
    {
        *(name for name in BOUGHT.names if name not in ("contact_id", *HELPERS)),
        *("rfm_class", "rfm_recency", "rfm_frequency", "rfm_monetary", "value_tier", "cycle_days", "habit"),
        *("margin_tier", "off_cycle", "expected_purchases", "expected_value", "alive", "score"),
        "last_click",
    }
)
RESERVED_START = "last_bought_"  # a date for each category: insight adds them


def is_reserved(name: str) -> bool:
    """Whether a column of this name is worked out anew for each snapshot."""
    return name in RESERVED or name.startswith(RESERVED_START)


# Adds columns of RESERVED to the rows of BOUGHT, as of a day: what insight knows of customers.
AddTraits = Callable[[pa.Table, date], pa.Table]


class Study(Protocol):
    """What a later room knows of a base's customers while a snapshot is built."""

    def add_traits(self, bought: pa.Table, today: date) -> pa.Table:
        """As AddTraits."""

    def finished(self, connection: duckdb.DuckDBPyConnection, sql: str) -> str:
        """The query of the snapshot's rows with further columns that `is_reserved` names, in the same order."""

    def keep(self, unit: UnitOfWork, snapshot_id: int) -> None:
        """Note what the snapshot was worked out with, in the transaction of the build."""


StudyOf = Callable[[UnitOfWork, int], Study]


def customer_columns(bought: pa.Table, today: date, add_traits: AddTraits | None) -> pa.Table:
    """The rows as the snapshot takes them: traits added, helpers gone, sets of tags as lists."""
    table = bought if add_traits is None else add_traits(bought, today)
    for name in ("categories", "products"):
        tags = pc.split_pattern(table.column(name), TAG_MARK)
        table = table.set_column(table.column_names.index(name), name, tags)
    return table.drop_columns(list(HELPERS))
