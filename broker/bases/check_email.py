"""E-mail addresses, checked by columns.

Plain addresses (RFC 5321 dot-atoms at ordinary domains) pass one regular expression; all others are asked of
`email_validator`, once per distinct address. Nothing is looked up: whether a domain exists is not a question of syntax.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from types import MappingProxyType

import email_validator
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from broker.bases.fields import data_rows

# Labels never begin or end with a hyphen; `--` and unusual characters are left to email_validator, and so are the
# reserved top-level names that it refuses. RE2 has no look-ahead, hence the second pattern.
_PLAIN = (
    r"^[a-z0-9_][a-z0-9_+-]*(?:\.[a-z0-9_+-]+){0,12}@"
    r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.){1,8}[a-z]{2,24}$"
)
# In quotes a backslash stands before one printable ASCII sign; RFC 6531 adds none.
_NO_PAIR = re.compile(r"(?<!\\)(?:\\\\)*\\[^ -~]")
_ODD = r"--|\.(?:arpa|invalid|local|localhost|onion)$"
LONGEST_LOCAL = 64
# Marks without a width that come along when an address is copied from a page or a mail.
_UNSEEN = "^[\u200b-\u200f\u202a-\u202e\u2060\ufeff\u00ad]+|[\u200b-\u200f\u202a-\u202e\u2060\ufeff\u00ad]+$"

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class CheckedEmails:
    """`address` is trimmed and lower-case (null where not valid); the masks have one entry a row."""

    address: pa.Array
    missing: Mask
    invalid: Mask
    role: Mask
    disposable: Mask
    domains: Counter[str]  # how many rows each domain has
    trimmed: int
    lowered: int
    mended: int = 0  # by a correction of domains that the owner accepted


def check_emails(column: pa.Array, corrections: Mapping[str, str] = MappingProxyType({})) -> CheckedEmails:
    """Check one column of strings; `corrections` are misspelt domains → those that the owner says were meant."""
    tidy = pc.utf8_trim_whitespace(column)
    if pc.any(pc.match_substring_regex(tidy, _UNSEEN)).as_py():
        tidy = pc.utf8_trim_whitespace(pc.replace_substring_regex(tidy, _UNSEEN, ""))
    address, mended = _mend_domains(pc.utf8_lower(tidy), corrections)
    missing = np.asarray(pc.equal(address, ""))
    short = pc.less_equal(pc.binary_length(address), 254)
    plain = pc.and_(pc.and_(pc.match_substring_regex(address, _PLAIN), short),
                    pc.invert(pc.match_substring_regex(address, _ODD)))  # fmt: skip
    local_end = pc.find_substring(address, "@")
    valid = np.asarray(pc.and_(plain, pc.less_equal(local_end, LONGEST_LOCAL))).copy()
    odd = np.flatnonzero(~valid & ~missing)
    answers: dict[str, bool] = {}
    for row, text in zip(odd.tolist(), address.take(pa.array(odd)).to_pylist(), strict=True):
        if text not in answers:
            answers[text] = is_valid(text)
        valid[row] = answers[text]
    valid_column = pa.array(valid)
    address_or_null = pc.if_else(valid_column, address, pa.scalar(None, pa.string()))
    parts = pc.split_pattern(pc.fill_null(address_or_null, "@"), "@", max_splits=1, reverse=True).flatten()
    domain = parts.take(pa.array(np.arange(1, len(parts), 2)))
    counted = Counter({entry["values"]: entry["counts"] for entry in pc.value_counts(domain).to_pylist()})
    counted.pop("", None)
    kept = pc.and_(valid_column, pc.not_equal(column, tidy))
    lowered = pc.and_(valid_column, pc.not_equal(tidy, pc.utf8_lower(tidy)))
    return CheckedEmails(
        address_or_null,
        missing,
        ~valid & ~missing,
        np.asarray(pc.fill_null(pc.match_substring_regex(address_or_null, role_pattern()), False)),
        np.asarray(pc.is_in(domain, domains("disposable"))),
        counted,
        pc.sum(kept).as_py() or 0,
        pc.sum(lowered).as_py() or 0,
        mended,
    )


def _mend_domains(address: pa.Array, corrections: Mapping[str, str]) -> tuple[pa.Array, int]:
    """The addresses with these domains written right, and how many were."""
    if not corrections:
        return address, 0
    pattern = "@(?:" + "|".join(map(re.escape, corrections)) + ")$"
    wrong = pc.match_substring_regex(address, pattern)
    parts = [text.rpartition("@") for text in address.filter(wrong).to_pylist()]
    right = [f"{local}@{corrections[domain]}" for local, _, domain in parts]
    return pc.replace_with_mask(address, wrong, pa.array(right, pa.string())), len(right)


def is_valid(address: str) -> bool:
    """Ask email_validator (RFC 5321/5322/6531). Reserved `.test` and `.example` names are syntax like any other."""
    local = address.rpartition("@")[0]
    # The library counts signs and leaves quotes out; RFC 5321 4.5.3.1.1 counts octets, quotes and backslashes included.
    if not 0 < len(local.encode("utf-8", "replace")) <= LONGEST_LOCAL or len(address) > 320:
        return False
    if local.startswith('"') and _NO_PAIR.search(local):
        return False
    try:
        email_validator.validate_email(
            address, check_deliverability=False, test_environment=True, allow_quoted_local=True, strict=True
        )
    except (email_validator.EmailNotValidError, ValueError):
        return False
    return True


@cache
def role_pattern() -> str:
    """Matches addresses of an office, not a person: info@, contact@, …"""
    return "^(?:" + "|".join(re.escape(row["local"]) for row in data_rows("role_addresses.csv")) + ")@"


@cache
def domains(kind: str) -> pa.Array:
    """Domains of `mail_domains.csv` of one kind: large, real (near a large one, yet real), disposable."""
    return pa.array([row["domain"] for row in data_rows("mail_domains.csv") if row["kind"] == kind])


@cache
def _shortened() -> dict[str, list[str]]:
    """Large domains by each of their spellings with one letter dropped, and by themselves."""
    table: dict[str, list[str]] = {}
    for right in domains("large").to_pylist():
        for short in _drops(right):
            table.setdefault(short, []).append(right)
    return table


def _drops(word: str) -> set[str]:
    return {word, *(word[:i] + word[i + 1 :] for i in range(len(word)))}


@lru_cache(maxsize=100_000)
def meant_domain(domain: str) -> str | None:
    """The large domain of which this one is a misspelling: one letter dropped, added, changed, or two swapped.

    Proposed to the owner, never applied: `gmai.com` is somebody's, too.
    """
    if not 4 < len(domain) < 24 or domain in _known():
        return None
    for short in _drops(domain):
        for right in _shortened().get(short, ()):
            name = right.rpartition(".")[0]
            # Another country's or kind of shop is no slip of the finger: orange.it, live.be.
            other_end = domain.startswith(name + ".") and domain[len(name) + 1 :] in _ENDS
            if not other_end and _one_slip(domain, right):
                return right
    return None


_ENDS = frozenset(
    "at be br ca ch cn cz de dk es eu fi fm gr hr ie in io it jp kr lu ma nl no pl pt re ru se tn tr tv uk us"
    " fr com net org".split()
)


@cache
def _known() -> frozenset[str]:
    return frozenset(row["domain"] for row in data_rows("mail_domains.csv"))


def _one_slip(word: str, right: str) -> bool:
    if len(word) == len(right):
        wrong = [i for i, (a, b) in enumerate(zip(word, right, strict=True)) if a != b]
        swapped = (
            len(wrong) == 2
            and wrong[1] == wrong[0] + 1
            and word[wrong[0]] == right[wrong[1]]
            and (word[wrong[1]] == right[wrong[0]])
        )
        return len(wrong) == 1 or swapped
    longer, shorter = (word, right) if len(word) > len(right) else (right, word)
    return len(longer) - len(shorter) == 1 and shorter in _drops(longer)


def find_typos(counted: Counter[str]) -> list[tuple[str, str, int]]:
    """(domain, the one that was probably meant, rows) over a whole file, most rows first.

    Meant is a large provider's domain, or one that the file itself has 50 times as often (and in 0.5 % of its rows).
    """
    enough = max(50, counted.total() // 200)
    table: dict[str, list[str]] = {}
    for often in (domain for domain, times in counted.items() if times >= enough):
        for short in _drops(often):
            table.setdefault(short, []).append(often)
    found = []
    for domain, times in counted.items():
        meant = meant_domain(domain)
        if meant is None and times < enough and domain not in _known():
            near = (often for short in _drops(domain) for often in table.get(short, ()))
            meant = next((often for often in near if counted[often] >= 50 * times and _one_slip(domain, often)), None)
        if meant is not None:
            found.append((domain, meant, times))
    return sorted(found, key=lambda typo: (-typo[2], typo[0]))
