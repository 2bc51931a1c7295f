"""All checks of a block of contact rows: values in their form, reasons of rejection, what is rentable.

Nothing is decided in silence: a rejected row carries all its reasons, a value that cannot be used is dropped with a
warning that is counted, every change of form has a counter.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from broker.bases.check_email import check_emails
from broker.bases.check_phone import check_phones
from broker.bases.consent import CheckedConsent, check_consent
from broker.bases.dates import NOT_READ, days_of, is_month_first, read_dates
from broker.bases.fields import TRAIT
from broker.bases.findings import Findings
from broker.bases.genders import gender_of
from broker.bases.places import CheckedPlaces, check_places
from broker.bases.read_table import Block
from broker.bases.reading import AS_FOUND, Reading
from broker.bases.sensitive import ValueWatch
from broker.bases.traits import ADDRESS, TraitWatch, read_numbers
from broker.bases.words import family_status_of, map_words, relation_of

DIGITAL_CONSENT_AGE = 15  # France: art. 45 loi Informatique et Libertés, GDPR art. 8
OLDEST = 115
_LOOKED_AT = 3_000  # distinct values of a trait that each block is judged by
DATED_FIELDS = ("birth_date", "consent_at")

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class CheckedRows:
    """A block's rows after the checks; every array has one entry a row of the block."""

    lines: npt.NDArray[np.int64]
    email: pa.Array  # normalised, null where unusable
    reasons: dict[str, Mask]
    rejected: Mask
    sealed: dict[str, pa.Array]  # what goes into the vault beside the address; "" or null is absent
    gender: pa.Array
    birth_days: npt.NDArray[np.int64]  # days since 1970; NOT_READ where unknown
    minor: Mask
    places: CheckedPlaces | None
    relation: pa.Array
    family_status: pa.Array | None
    occupation: pa.Array | None
    income: pa.Array | None
    consent: CheckedConsent
    role: Mask
    traits: dict[str, pa.Array]
    found: Findings

    @property
    def rentable(self) -> Mask:
        """Accepted with whole proof, no known minor, no office address."""
        return np.asarray(~self.rejected & self.consent.complete & ~self.minor & ~self.role)


class RowChecker:
    """Checks blocks of one file. `fields` is core field → header's internal column, `traits` likewise by name."""

    def __init__(
        self, names: Mapping[str, str], mapping: Mapping[str, str], samples: Mapping[str, Sequence[str]],
        today: date, adult_age: int, reading: Reading = AS_FOUND,
    ) -> None:  # fmt: skip
        self.fields = {target: names[header] for header, target in mapping.items() if not target.startswith(TRAIT)}
        self.traits = {
            target.removeprefix(TRAIT): names[header] for header, target in mapping.items() if target.startswith(TRAIT)
        }
        self.headers = {names[header]: header for header in mapping}
        by_field = {target: header for header, target in mapping.items()}
        self._domains = reading.domains

        def month_first(header: str) -> bool:
            return is_month_first(samples.get(header, ())) if reading.month_first is None else reading.month_first

        self._month_first = {name: month_first(by_field.get(name, "")) for name in DATED_FIELDS}
        self._types = {
            name: TraitWatch(month_first=month_first(self.headers[column]), given=reading.types.get(name))
            for name, column in self.traits.items()
        }
        self._watched = (*self.traits, *(name for name in ("occupation", "reference") if name in self.fields))
        self.today = today
        self.now = int(datetime(today.year, today.month, today.day, tzinfo=UTC).timestamp())
        self._under_15 = _days(_years_before(today, DIGITAL_CONSENT_AGE))
        self._under_age = _days(_years_before(today, adult_age))
        self._adult_age = adult_age
        self.found = self.nothing_found()

    def nothing_found(self) -> Findings:
        """Findings before anything is checked."""
        return Findings(
            watches={name: ValueWatch() for name in self._watched},
            types={name: replace(watch) for name, watch in self._types.items()},
        )

    def check(self, block: Block) -> CheckedRows:
        """Check one block; what was met stands in the `found` of what it gives."""
        self.found = self.nothing_found()
        table = block.table.combine_chunks()
        size = table.num_rows
        blank = pa.array(np.full(size, "", dtype=object), pa.string())

        def column(name: str) -> pa.Array | None:
            return _array(table.column(self.fields[name])) if name in self.fields else None

        note, changed = self.found.warnings, self.found.normalised
        changed["short_rows_filled"] += block.padded
        emails = check_emails(_or(column("email"), blank), self._domains)
        changed["email_domain"] += emails.mended
        changed["email_trimmed"] += emails.trimmed
        changed["email_lowercased"] += emails.lowered
        self.found.domains = emails.domains
        for code, mask in (("role_address", emails.role), ("disposable_address", emails.disposable)):
            note[code] += int(mask.sum())
        birth, minor, under = self._birth(column("birth_date"), column("birth_year"), column("age"), size)
        reasons = {
            "no_email": emails.missing,
            "invalid_email": emails.invalid,
            "under_digital_consent_age": under,
            "too_many_columns": block.too_many,
        }
        rejected = np.zeros(size, np.bool_)
        for mask in reasons.values():
            rejected |= mask
        gender, strange, renamed = map_words(_or(column("gender"), blank), lambda word: gender_of(word)[0])
        note["unknown_gender"] += strange.total()
        changed["gender"] += renamed
        relation, strange, renamed = map_words(_or(column("relation"), blank), relation_of)
        note["unknown_relation"] += strange.total()
        changed["relation"] += renamed
        places = None
        if (postcode := column("postcode")) is not None:
            places = check_places(postcode, column("city"), column("country"))
            note["unknown_postcode"] += int(places.unknown_postcode.sum())
            changed["postcode"] += places.mended
            changed["postcode_cedex"] += places.cedex
        consent = check_consent(
            {name: _array(table.column(at)) for name, at in self.fields.items() if name.startswith("consent")},
            size,
            self.now,
            month_first=self._month_first["consent_at"],
        )
        note["bad_consent_date"] += int(consent.bad_date.sum())
        note["consent_withdrawn"] += int((consent.withdrawn_at != NOT_READ).sum())
        note["consent_refused"] += int((consent.refused & ~rejected).sum())
        note["consent_incomplete"] += int((~consent.complete & ~consent.refused & ~rejected).sum())
        note["minor"] += int((minor & ~rejected).sum())
        family = None
        if (words := column("family_status")) is not None:
            family, strange, renamed = map_words(words, family_status_of)
            note["unknown_family_status"] += strange.total()
            changed["family_status"] += renamed
        income = None
        if (amounts := column("income")) is not None:
            income = pc.round(read_numbers(amounts, whole=False)).cast(pa.int64(), safe=False)
            note["unreadable_income"] += int(
                pc.sum(pc.and_(pc.is_null(income), pc.not_equal(pc.utf8_trim_whitespace(amounts), ""))).as_py() or 0
            )
        occupation = column("occupation")
        if occupation is not None:
            self._watch("occupation", occupation)
            occupation = _null_if_blank(occupation)
        if (reference := column("reference")) is not None:
            self._watch("reference", reference)
        self.found.reasons.update({code: times for code, mask in reasons.items() if (times := int(mask.sum()))})
        self.found.reasons.update(item.code for item in block.broken)
        return CheckedRows(
            block.lines,
            emails.address,
            reasons,
            rejected,
            self._sealed(column, places),
            gender,
            birth,
            minor,
            places,
            pc.fill_null(relation, "prospect"),
            family,
            occupation,
            income,
            consent,
            emails.role,
            {name: self._trait(name, _array(table.column(at))) for name, at in self.traits.items()},
            self.found,
        )

    def _birth(
        self, dates: pa.Array | None, years: pa.Array | None, ages: pa.Array | None, size: int
    ) -> tuple[npt.NDArray[np.int64], Mask, Mask]:
        """(days since 1970, known minor, under the digital consent age)."""
        days = np.full(size, NOT_READ, np.int64)
        minor, under = np.zeros(size, np.bool_), np.zeros(size, np.bool_)
        note = self.found.warnings
        if dates is not None:
            # A year alone is no date, and yet says how old somebody is.
            year_alone = pc.match_substring_regex(dates, r"^\s*(?:19|20)\d{2}\s*$")
            if years is None and pc.any(year_alone).as_py():
                years = pc.if_else(year_alone, dates, "")
                dates = pc.if_else(year_alone, "", dates)
            seconds, wrong = read_dates(
                dates, month_first=self._month_first["birth_date"], century_turn=self.today.year % 100
            )
            known = seconds != NOT_READ
            days[known] = seconds[known] // 86_400
            note["unreadable_birth_date"] += int(wrong.sum())
            unlikely = known & ((days > _days(self.today)) | (days < _days(_years_before(self.today, OLDEST))))
            days[unlikely] = NOT_READ
            note["implausible_birth_date"] += int(unlikely.sum())
            known &= ~unlikely
            minor, under = known & (days > self._under_age), known & (days > self._under_15)
        for column, is_year in ((years, True), (ages, False)):
            if column is None:
                continue
            numbers = read_numbers(column, whole=True)
            known = np.asarray(pc.is_valid(numbers)) & (days == NOT_READ)
            value = np.asarray(pc.fill_null(numbers, 0))
            # A year alone leaves the birthday open: the younger age is supposed.
            age = self.today.year - value - 1 if is_year else value
            plausible = known & (age >= (-1 if is_year else 0)) & (age <= OLDEST)
            note["implausible_age"] += int((known & ~plausible).sum())
            minor |= plausible & (age < self._adult_age)
            under |= plausible & (age < DIGITAL_CONSENT_AGE)
            if is_year:
                whole = np.where(plausible, value, 1970)
                ones = np.ones(size, np.int64)
                days = np.where(plausible, days_of(whole, ones * 7, ones), days)
        return days, minor, under

    def _sealed(self, column: object, places: CheckedPlaces | None) -> dict[str, pa.Array]:
        get = column
        assert callable(get)
        sealed: dict[str, pa.Array] = {}
        for name in (
            "first_name",
            "last_name",
            "full_name",
            "street",
            "street_more",
            "city",
            "reference",
            "social",
            "consent_ip",
        ):
            if (values := get(name)) is not None:
                sealed[name] = pc.utf8_trim_whitespace(values)
        countries = None
        if places is not None:
            sealed["postcode"], sealed["country"] = places.postcode, places.country
            if get("country") is not None:
                countries = [country or "FR" for country in places.country.to_pylist()]
        for name in ("phone", "mobile"):
            if (values := get(name)) is not None:
                numbers, wrong = check_phones(values, countries)
                self.found.warnings[f"invalid_{name}"] += int(wrong.sum())
                self.found.normalised[name] += int(
                    pc.sum(pc.and_(pc.is_valid(numbers), pc.not_equal(numbers, values))).as_py() or 0
                )
                sealed[name] = numbers
        return sealed

    def _trait(self, name: str, values: pa.Array) -> pa.Array:
        """The trait's text; an address in it has no business in a snapshot and is taken out."""
        has_address = pc.match_substring_regex(values, ADDRESS)
        found = pc.sum(has_address).as_py() or 0
        if found:
            self.found.warnings["address_in_trait"] += found
            values = pc.if_else(has_address, "", values)
        self.found.types[name].look(*self._watch(name, values))
        return values

    def _watch(self, name: str, values: pa.Array) -> tuple[dict[str, int], int, int]:
        """Show the distinct values to the column's watch; also returns them, their number and the rows filled."""
        counted = pc.value_counts(values)
        distinct = len(counted)
        if distinct > _LOOKED_AT:
            counted = pc.value_counts(values.slice(0, _LOOKED_AT))
        counts = {entry["values"]: entry["counts"] for entry in counted.to_pylist()}
        self.found.watches[name].look(counts)
        return counts, distinct, len(values)


def _array(column: pa.ChunkedArray) -> pa.Array:
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()


def _or(column: pa.Array | None, blank: pa.Array) -> pa.Array:
    return blank if column is None else column


def _null_if_blank(column: pa.Array) -> pa.Array:
    text = pc.utf8_trim_whitespace(column)
    return pc.if_else(pc.equal(text, ""), pa.scalar(None, pa.string()), text)


def _days(day: date) -> int:
    return (day - date(1970, 1, 1)).days


def _years_before(day: date, years: int) -> date:
    try:
        return day.replace(year=day.year - years)
    except ValueError:  # 29 February
        return day.replace(year=day.year - years, day=28)
