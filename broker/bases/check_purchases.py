"""Order lines and visits, checked by columns: who, when, where, how much."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import BinaryIO

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from broker.bases.check import REFUSED, CheckResult
from broker.bases.dates import NOT_READ, is_month_first, read_dates
from broker.bases.fields import IGNORE, TRAIT, Kind, plain
from broker.bases.propose_mapping import propose_mapping, still_fitting
from broker.bases.read_table import Block, TableReader
from broker.bases.reading import AS_FOUND, Reading
from broker.bases.refused_columns import refused_columns
from broker.kernel.errors import InvalidInput

_EUROS = pa.array(["", "eur", "euro", "euros", "€", "978"])
_FOREIGN_WORDS = {"usd", "gbp", "chf", "dollar", "dollars", "pounds", "cad", "jpy", "livres"}
_RETURNS = r"retour|remboursement|avoir|return|refund|annulation|credit"
_LARGEST_CENTS = 10**12
TEXTS = ("product", "category", "payment_means", "shop")
TEXTS_OF = {"purchases": TEXTS, "visits": ("shop", "visit_kind")}
LONGEST_TEXT = 200
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class CheckedLines:
    """A block of order lines; every array has one entry a row."""

    lines: npt.NDArray[np.int64]
    reference: pa.Array
    email: pa.Array
    days: npt.NDArray[np.int64]
    amount_cents: npt.NDArray[np.int64]
    margin_cents: pa.Array  # int64 with nulls
    texts: dict[str, pa.Array]
    order_number: pa.Array
    quantity: pa.Array  # decimal with nulls
    attributes: pa.Array  # JSON object of the product's attributes, null where there is none
    reasons: dict[str, Mask]

    @property
    def rejected(self) -> Mask:
        """Rows with any reason."""
        return np.asarray(np.logical_or.reduce(list(self.reasons.values())), np.bool_)


class PurchaseCheck:
    """Reads one file of order lines, or of visits, which have no amount. Raises `InvalidInput` without customer, date
    or amount, or not in EUR.
    """

    def __init__(
        self,
        stream: BinaryIO,
        mapping: Mapping[str, str] | None,
        today: date,
        remembered: Mapping[str, str] | None = None,
        reading: Reading = AS_FOUND,
        kind: Kind = "purchases",
    ) -> None:
        self.kind = kind
        self.reader = TableReader(stream, reading)
        headers = self.reader.headers
        samples = {header: [row[at] for row in self.reader.sample_rows] for at, header in enumerate(headers)}
        known = still_fitting(remembered or {}, headers, mapping or {})
        self.mapping = propose_mapping(headers, samples, kind, {**known, **(mapping or {})})
        names = dict(zip(headers, self.reader.names, strict=True))
        self.fields = {field: names[header] for header, field in self.mapping.items() if field != IGNORE}
        headers_of = {field: header for header, field in self.mapping.items()}
        missing = [
            what
            for what, fields in (
                ("customer reference or e-mail address", ("reference", "email")),
                ("date", ("day",)),
                ("amount", ("amount",)),
            )[: 3 if kind == "purchases" else 2]
            if not any(field in self.fields for field in fields)
        ]
        if missing:
            raise InvalidInput(
                f"The file of {kind} has no column for the {missing[0]}. "
                f"Its columns are: {', '.join(headers[:12])}. "
                "Name it with a mapping.",
                code="no_purchase_column",
            )
        if kind == "purchases":
            self._require_euros(headers_of, samples)
        # What a product says of its buyer is as forbidden as what a column of contacts says.
        own = [header for header, field in self.mapping.items() if field.startswith(TRAIT)]
        refused = refused_columns(own, samples)
        self._attributes = {
            self.mapping[header].removeprefix(TRAIT): names[header] for header in own if header not in refused
        }
        guessed = is_month_first(samples[headers_of["day"]])
        self._month_first = guessed if reading.month_first is None else reading.month_first
        self._last_day = (today - date(1970, 1, 1)).days + 1
        self.result = CheckResult(
            encoding=self.reader.encoding,
            delimiter=self.reader.delimiter,
            sheet=self.reader.source.sheet,
            columns={header: REFUSED if header in refused else field for header, field in self.mapping.items()},
            refused_columns=[finding.of_column(header) for header, finding in refused.items()],
        )

    def _require_euros(self, headers_of: Mapping[str, str], samples: Mapping[str, list[str]]) -> None:
        words = set(plain(headers_of["amount"]).split())
        foreign = words & _FOREIGN_WORDS or ("$" in headers_of["amount"] or "£" in headers_of["amount"])
        named = [cell.strip() for cell in samples.get(headers_of.get("currency", ""), []) if cell.strip()]
        others = Counter(cell.upper() for cell in named if cell.lower() not in _EUROS.to_pylist())
        if foreign or others.total() * 2 > max(1, len(named)):
            what = others.most_common(1)[0][0][:12] if others else "another currency"
            raise InvalidInput(
                f"These purchases are in {what}; amounts are kept in EUR only. Convert them and import again.",
                code="foreign_currency",
                field=headers_of.get("currency", headers_of["amount"]),
            )

    def check(self, block: Block) -> CheckedLines:
        """Check one block."""
        table = block.table.combine_chunks()
        size = table.num_rows
        blank = pa.array(np.full(size, "", dtype=object), pa.string())

        def column(name: str) -> pa.Array:
            if name not in self.fields:
                return blank
            chunked = table.column(self.fields[name])
            return pc.utf8_trim_whitespace(chunked.combine_chunks() if chunked.num_chunks != 1 else chunked.chunk(0))

        reference, email = column("reference"), pc.utf8_lower(column("email"))
        seconds, _ = read_dates(column("day"), month_first=self._month_first)
        days = np.where(seconds == NOT_READ, 0, seconds // 86_400)
        amounts, bad_amount = read_cents(column("amount"))
        margins, _ = read_cents(column("margin"))
        returned = np.asarray(pc.match_substring_regex(pc.utf8_lower(column("order_kind")), _RETURNS))
        sign = np.where(returned & (amounts > 0), -1, 1)
        margin = pa.array(
            margins * np.where(returned & (margins > 0), -1, 1), mask=np.asarray(pc.equal(column("margin"), ""))
        )
        reasons = {
            "no_customer": np.asarray(pc.and_(pc.equal(reference, ""), pc.equal(email, ""))),
            "no_date": seconds == NOT_READ,
            "implausible_date": (seconds != NOT_READ) & ((days > self._last_day) | (days < 0)),
            "bad_amount": bad_amount | np.asarray(pc.equal(column("amount"), "")),
            "currency_not_eur": ~np.asarray(pc.is_in(pc.utf8_lower(column("currency")), _EUROS)),
            "too_many_columns": block.too_many,
        }
        if self.kind == "visits":
            for name in ("bad_amount", "currency_not_eur"):
                del reasons[name]
        texts = {name: _short(column(name)) for name in TEXTS_OF[self.kind]}
        number, quantity = _short(column("order_number")), read_quantities(column("quantity"))
        attributes = {name: _array(table.column(at)) for name, at in self._attributes.items()}
        return CheckedLines(
            block.lines, reference, email, days, amounts * sign, margin, texts, number, quantity,
            _objects(attributes, size), reasons,
        )  # fmt: skip


def _array(column: pa.ChunkedArray) -> pa.Array:
    return column.combine_chunks() if column.num_chunks != 1 else column.chunk(0)


def _short(text: pa.Array) -> pa.Array:
    """Null where empty."""
    cut = pc.utf8_slice_codeunits(text, 0, LONGEST_TEXT)
    return pc.if_else(pc.equal(text, ""), pa.scalar(None, pa.string()), cut)


def _objects(columns: Mapping[str, pa.Array], size: int) -> pa.Array:
    """One JSON object a row, of what is not empty; null where nothing is."""
    if not columns:
        return pa.nulls(size, pa.string())
    rows = zip(*(pc.utf8_trim_whitespace(column).to_pylist() for column in columns.values()), strict=True)
    objects = [{name: cell[:LONGEST_TEXT] for name, cell in zip(columns, cells, strict=True) if cell} for cells in rows]
    return pa.array([json.dumps(item, ensure_ascii=False) if item else None for item in objects], pa.string())


def read_quantities(column: pa.Array) -> pa.Array:
    """Decimals of up to three places (`2`, `1,5`); null where it is no number."""
    bare = pc.replace_substring(pc.replace_substring_regex(column, r"[\s\x{a0}\x{202f}]", ""), ",", ".")
    good = pc.match_substring_regex(bare, r"^-?\d{1,9}(?:\.\d{1,3})?$")
    return pc.if_else(good, bare, pa.scalar(None, pa.string())).cast(pa.decimal128(12, 3))


def read_cents(column: pa.Array) -> tuple[npt.NDArray[np.int64], Mask]:
    """Amounts to cents without a float: `1 234,50`, `1,234.50`, `-12`, `12,5 €`, `(12,00)`; and what is none.

    Of two kinds of separator the last one is the decimal one; a single one with three digits after it stands for
    thousands only if it is a dot or comma repeated, or a space.
    """
    bare = pc.replace_substring_regex(column, r"[\s\x{a0}\x{202f}']|€|EUR|eur", "")
    negative = np.asarray(pc.match_substring_regex(bare, r"^(?:-|\()|-$"))
    digits = pc.replace_substring_regex(bare, r"^[+\-(]|[)\-]$", "")
    # 1.234,50 and 1,234.50 and 1.234.567
    digits = pc.replace_substring_regex(digits, r"^(\d{1,3})\.(\d{3})(?:\.(\d{3}))?,(\d{1,2})$", r"\1\2\3.\4")
    digits = pc.replace_substring_regex(digits, r"^(\d{1,3}),(\d{3})(?:,(\d{3}))?\.(\d{1,2})$", r"\1\2\3.\4")
    digits = pc.replace_substring_regex(digits, r"^(\d{1,3})[.,](\d{3})[.,](\d{3})$", r"\1\2\3")
    good = np.asarray(pc.match_substring_regex(digits, r"^\d{1,12}(?:[.,]\d{0,4})?$"))
    bad = ~good & np.asarray(pc.not_equal(column, ""))
    digits = pc.if_else(pa.array(good), pc.replace_substring(digits, ",", "."), "0")
    scaled = pc.round(digits.cast(pa.decimal128(18, 4)), ndigits=2, round_mode="half_towards_infinity")
    cents = np.asarray(pc.multiply(scaled, pa.scalar(Decimal(100), pa.decimal128(3, 0))).cast(pa.int64()))
    return np.where(negative, -cents, cents), bad | (cents > _LARGEST_CENTS)
