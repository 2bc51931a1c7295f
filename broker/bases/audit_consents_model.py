"""Rows of consent audits: a proof is its moment and its source; the person stays unknown."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from broker.bases.confidence import wilson

Verdict = Literal["complete", "doubtful", "missing"]
VERDICTS: tuple[Verdict, ...] = ("complete", "doubtful", "missing")
# From this upper bound on of doubtful and missing proofs the page speaks of quarantine. A default of ours.
WORRYING = 0.05


@dataclass(frozen=True, slots=True)
class ConsentSource:
    """Where consents of a base came from. `contacts` stand on it now."""

    code: str
    source_url: str
    wording: str
    form_version: str
    partner_list_version: int
    contacts: int
    latest: datetime | None
    quarantined_at: datetime | None
    quarantine_reason: str | None
    released_at: datetime | None
    release_reason: str | None


@dataclass(frozen=True, slots=True)
class ProofDrawn:
    """One proof of a sample, with the verdict on it once there is one."""

    place: int
    source_code: str
    source_url: str
    wording: str
    form_version: str
    partner_list_version: int
    consent_at: datetime
    relation: str | None
    quarantined: bool
    verdict: Verdict | None
    note: str


@dataclass(frozen=True, slots=True)
class AuditResult:
    """What the verdicts so far say: of `judged` proofs so many, and the share of complete ones with its interval."""

    judged: int
    counts: dict[str, int]
    share: float
    low: float
    high: float

    @property
    def worrying(self) -> bool:
        """Whether even the kindest reading leaves more wanting proofs than is usual."""
        return 1 - self.high >= WORRYING


@dataclass(frozen=True, slots=True)
class ConsentAudit:
    """A sample of the proofs of a base, or of one source. `population` is what it was drawn from (None: an old one)."""

    code: str
    base_code: str
    base_name: str
    source_code: str | None
    seed: int
    asked: int | None
    population: int | None
    drawn_at: datetime
    proofs: list[ProofDrawn]

    @property
    def result(self) -> AuditResult | None:
        """None before the first verdict."""
        return result_of([proof.verdict for proof in self.proofs])


@dataclass(frozen=True, slots=True)
class AuditLine:
    """A sample in a list."""

    code: str
    base_code: str
    source_code: str | None
    drawn_at: datetime
    drawn: int
    complete: int
    doubtful: int
    missing: int

    @property
    def judged(self) -> int:
        """How many proofs have a verdict."""
        return self.complete + self.doubtful + self.missing


def result_of(verdicts: list[Verdict | None]) -> AuditResult | None:
    """The result of verdicts; those not given yet are left out."""
    given = [verdict for verdict in verdicts if verdict is not None]
    if not given:
        return None
    counts: dict[str, int] = {name: given.count(name) for name in VERDICTS}
    low, high = wilson(counts["complete"], len(given))
    return AuditResult(len(given), counts, counts["complete"] / len(given), low, high)
