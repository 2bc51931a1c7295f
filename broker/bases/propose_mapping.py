"""Which column is what: proposed from headers and values, corrected by the owner."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping, Sequence

from broker.bases.field_of_values import field_of_values, looks_like_names
from broker.bases.fields import ATTRIBUTE, IGNORE, TRAIT, Kind, header_words, known_fields, plain, trait_name
from broker.bases.genders import GENDERS
from broker.kernel.errors import InvalidInput

_EMAIL = re.compile(r"\s*[^@\s;,]+@[^@\s;,]+\.[A-Za-z]{2,}\s*")
_PHONE = re.compile(r"\s*(?:\+|00)?\d(?:[\s.\-/()]?\d){8,14}\s*")
_UNIT = re.compile(r" (?:eur|euros?|usd|gbp|chf|cad|dollars?|pounds)$")  # the currency check looks at it later
_BRACKETS = re.compile(r"\([^)]*\)|\[[^\]]*\]|[*:]")
_FILLERS = re.compile(
    r"\b(?:obligatoire|required|facultatif|optional|mandatory|saisi|saisie|du client|de la personne|of customer)\b|"
    r"^(?:votre|vos|your|le|la|les|customer|contact|client|billing|user|adherent|abonne) (?=\w)"
)
_ARTICLES = frozenset("d de du des l la le les the of a au en".split())
# Headers that say nothing: Colonne1, Champ 3, Unnamed: 0, F12, A.
_MUTE = re.compile(r"(?:(?:colonnes?|columns?|col|champ|field|f|unnamed|zone|var|data|donnee)\s*\d*|[a-z]|\d+)")
# A trait may not take the name of a column that every snapshot has.
RESERVED = frozenset(
    {
        "contact_id",
        "contact_key",
        "commune",
        "department",
        "region",
        "has_phone",
        "has_street",
        "consent_source_id",
        "partner_list",
        "consent_complete",
        "minor",
        "noise",
        "first_purchase",
        "last_purchase",
        "purchase_count",
        "spend_cents",
        "margin_cents",
        "favourite_category",
        "payment_means",
        "recency_days",
        "rentable",
    }
)
Column = Sequence[str]


def propose_mapping(
    headers: Sequence[str], columns: Mapping[str, Column], kind: Kind, corrections: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Each header's field: a core field, `trait:<name>`, or `ignored`.

    `columns` are sample values by header. `corrections` (header → field, `ignored` or `trait:<name>`) win; an
    unknown header or field is refused with the nearest one. Each core field is used once; the second phone number
    becomes the mobile, any other second column is ignored.
    """
    given = _checked(headers, corrections or {}, kind)
    mapping: dict[str, str] = dict(given)
    taken = {field for field in given.values() if not field.startswith(TRAIT)}
    words = header_words(kind)
    for header in headers:
        if header in mapping:
            continue
        field = next((words[name] for name in _namings(header) if name in words), None)
        if field == "phone" and field in taken:
            field = "mobile"
        if field is None:
            continue
        if field == ATTRIBUTE:
            mapping[header] = TRAIT + trait_name(header)
            continue
        mapping[header] = IGNORE if field in taken else field
        taken.add(field)
    names = {mapping[header] for header in mapping if mapping[header].startswith(TRAIT)}
    for header in headers:
        if header in mapping:
            continue
        field = _by_values(columns.get(header, ()), kind)
        if field is None and kind == "contacts" and _MUTE.fullmatch(plain(header)):
            field = field_of_values(columns.get(header, ()))
            if field is None and looks_like_names(columns.get(header, ())):
                field = IGNORE  # names belong in the vault: the owner says which they are
        if field is not None:
            field = IGNORE if field in taken else field
            taken.add(field)
        elif kind != "contacts" or not any(cell.strip() for cell in columns.get(header, ("x",))):
            field = IGNORE if kind != "contacts" or re.fullmatch(r"column \d+", header) else None
        if field is None:
            name = trait_name(header)
            if name in RESERVED or name in known_fields("contacts"):
                name = f"own_{name}"
            while TRAIT + name in names:
                name += "_2"
            field = TRAIT + name
            names.add(field)
        mapping[header] = field
    return {header: mapping[header] for header in headers}


def _namings(header: str) -> Iterator[str]:
    """A header's plain words, then without units, what stands in brackets, filler words, and articles."""
    named = plain(re.sub(r" \(\d+\)$", "", header))
    yield named
    yield _UNIT.sub("", named)
    bare = plain(_BRACKETS.sub(" ", header))
    yield bare
    bare = _FILLERS.sub("", bare).strip()
    yield bare
    yield " ".join(word for word in bare.split() if word not in _ARTICLES)


def still_fitting(remembered: Mapping[str, str], headers: Sequence[str], given: Mapping[str, str]) -> dict[str, str]:
    """Of what was said for an earlier file, what this one has a column for and `given` does not contradict."""
    taken = {field for field in given.values() if field != IGNORE}
    return {
        header: field
        for header, field in remembered.items()
        if header in headers and header not in given and field not in taken
    }


def _checked(headers: Sequence[str], corrections: Mapping[str, str], kind: Kind) -> dict[str, str]:
    by_plain = {plain(header): header for header in headers}
    fields = known_fields(kind)
    checked: dict[str, str] = {}
    for given_header, given_field in corrections.items():
        header = given_header if given_header in headers else by_plain.get(plain(given_header))
        if header is None:
            raise InvalidInput(
                f"The file has no column '{given_header}'.{_nearest(given_header, headers)}",
                code="unknown_column",
                field=given_header,
            )
        field = given_field.strip()
        if field in ("ignore", "", "-"):
            field = IGNORE
        elif field == "trait":
            field = TRAIT + trait_name(header)
        if field.startswith(TRAIT):
            field = TRAIT + trait_name(field.removeprefix(TRAIT))
            if field.removeprefix(TRAIT) in RESERVED or field.removeprefix(TRAIT) in fields:
                raise InvalidInput(
                    f"'{field.removeprefix(TRAIT)}' is the name of a field of its own; name the trait otherwise.",
                    code="reserved_name",
                    field=header,
                )
        elif field != IGNORE and field not in fields:
            raise InvalidInput(
                f"There is no field '{given_field}'.{_nearest(given_field, fields)} "
                "Others are written 'trait:name', or 'ignore'.",
                code="unknown_field",
                field=header,
            )
        if field != IGNORE and field in checked.values():
            raise InvalidInput(f"Two columns are mapped to '{field}'. Keep one.", code="mapped_twice", field=header)
        checked[header] = field
    return checked


def _nearest(name: str, known: Sequence[str]) -> str:
    near = difflib.get_close_matches(name.lower(), {item.lower(): item for item in known}, n=1, cutoff=0.5)
    return f" Did you mean '{next(item for item in known if item.lower() == near[0])}'?" if near else ""


def _by_values(column: Column, kind: Kind) -> str | None:
    values = [cell for cell in column if cell.strip()]
    if not values:
        return None
    if _share(values, _EMAIL) >= 0.5:
        return "email"
    if kind == "contacts":
        if (
            len(values) >= 3
            and _share(values, _PHONE) >= 0.9
            and sum(_looks_dialled(cell) for cell in values) * 2 > len(values)
        ):
            return "phone"
        distinct = {cell.strip().lower().rstrip(".") for cell in values}
        titles = {"m", "mr", "mme", "mlle", "monsieur", "madame", "mademoiselle", "homme", "femme", "male", "female"}
        if len(values) >= 3 and len(distinct) >= 2 and distinct <= set(GENDERS) and distinct & titles:
            return "gender"
    return None


def _looks_dialled(cell: str) -> bool:
    """A phone number rather than some other long number: it begins like one."""
    return cell.strip().startswith(("0", "+"))


def _share(values: Sequence[str], pattern: re.Pattern[str]) -> float:
    return sum(bool(pattern.fullmatch(value)) for value in values) / len(values)
