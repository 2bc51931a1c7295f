"""Consent proof: what each row says, and whether it is whole.

A proof is whole when date, source, exact wording, form version and partner-list version are all there (GDPR art. 7(1):
the controller must be able to demonstrate consent; DOMAIN section 4). Without it a contact is kept but not rented.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from broker.bases.dates import NOT_READ, read_dates

_YES = pa.array(
    [
        "oui",
        "yes",
        "true",
        "vrai",
        "o",
        "y",
        "1",
        "ok",
        "x",
        "abonné",
        "abonne",
        "inscrit",
        "optin",
        "opt-in",
        "subscribed",
    ]
)
# Words of refusal: only these take a consent back; an empty cell or a word unknown to us is no yes and no "no".
_NO = pa.array(
    [
        "non",
        "no",
        "n",
        "false",
        "faux",
        "0",
        "refus",
        "refusé",
        "refuse",
        "désabonné",
        "desabonne",
        "désinscrit",
        "desinscrit",
        "désinscrite",
        "optout",
        "opt-out",
        "opt out",
        "unsubscribed",
        "retiré",
        "withdrawn",
        "stop",
    ]
)
_EARLIEST = 631_152_000  # 1990: before that nobody ticked a box on a page

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class CheckedConsent:
    """One entry a row. `source` is a dictionary-coded key of (URL, wording, form, list version)."""

    at: npt.NDArray[np.int64]  # seconds; NOT_READ where unknown
    partner_list: pa.Array  # int32
    source: pa.DictionaryArray
    complete: Mask
    refused: Mask  # the file does not say yes
    bad_date: Mask
    withdrawn_at: npt.NDArray[np.int64]  # seconds of an explicit no; NOT_READ where there is none


def check_consent(columns: dict[str, pa.Array], size: int, now: int, *, month_first: bool) -> CheckedConsent:
    """`columns` holds the consent fields that the file has; `now` is in seconds."""
    blank = pa.array(np.full(size, "", dtype=object), pa.string())

    def text(name: str) -> pa.Array:
        return pc.utf8_trim_whitespace(columns.get(name, blank))

    at = np.full(size, NOT_READ, np.int64)
    bad_date = np.zeros(size, np.bool_)
    if "consent_at" in columns:
        at, bad_date = read_dates(columns["consent_at"], month_first=month_first)
        # A consent of tomorrow is a mistake; a day's grace for files written east of here.
        impossible = (at != NOT_READ) & ((at > now + 86_400) | (at < _EARLIEST))
        at[impossible], bad_date = NOT_READ, bad_date | impossible
    url, wording, form = text("consent_source_url"), text("consent_wording"), text("consent_form")
    version = pc.replace_substring_regex(
        pc.utf8_lower(text("consent_partner_list")), r"^(?:v|version|liste|n°)?\s*", ""
    )
    numbered = pc.match_substring_regex(version, r"^\d{1,9}$")
    partner_list = pc.if_else(numbered, version, pa.scalar(None, pa.string())).cast(pa.int32())
    refused = np.zeros(size, np.bool_)
    if "consent" in columns:
        # An empty cell of an opt-in column is no yes (GDPR art. 4(11): a clear affirmative action).
        refused = ~np.asarray(pc.is_in(pc.utf8_lower(text("consent")), _YES))
    withdrawn_at = _withdrawals(columns, text, at, now, month_first=month_first)
    taken_back = withdrawn_at != NOT_READ
    complete = np.asarray(pc.is_valid(partner_list)) & (at != NOT_READ) & ~taken_back
    for part in (url, wording, form):
        complete &= np.asarray(pc.not_equal(part, ""))
    # \x1f separates: it cannot occur, control characters are no text of a form.
    source = pc.binary_join_element_wise(url, wording, form, version, "\x1f").dictionary_encode()
    return CheckedConsent(at, partner_list, source, complete & ~refused, refused | taken_back, bad_date, withdrawn_at)


def _withdrawals(
    columns: dict[str, pa.Array],
    text: Callable[[str], pa.Array],
    at: npt.NDArray[np.int64],
    now: int,
    *,
    month_first: bool,
) -> npt.NDArray[np.int64]:
    """When each row takes its consent back (GDPR art. 7(3)): the row's own date, else now; NOT_READ where it does not.

    A column of withdrawals says it by its date or by a yes; a date before the row's consent is an older withdrawal that
    the consent came after.
    """
    when = np.full(len(at), NOT_READ, np.int64)
    if "consent" in columns:
        said_no = np.asarray(pc.is_in(pc.utf8_lower(text("consent")), _NO))
        when[said_no] = np.where(at == NOT_READ, now, at)[said_no]
    if "consent_withdrawn" in columns:
        dates, not_dates = read_dates(columns["consent_withdrawn"], month_first=month_first)
        dates[(dates != NOT_READ) & (dates > now + 86_400)] = now
        said = np.asarray(pc.is_in(pc.utf8_lower(text("consent_withdrawn")), _YES)) & not_dates
        # A withdrawal without a date is of now; with one, it counts unless the consent is the later.
        since = np.where(said, now, np.where((dates != NOT_READ) & (dates >= at), dates, NOT_READ))
        when = np.maximum(when, since)
    return when
