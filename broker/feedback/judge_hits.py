"""Person or machine: the rules that judge one person's hits. Pure.

Security gateways fetch every link of a mail, often at once and before it is delivered, some with the agent of a
browser. Only a person's click is billed, so each rule must be a sign that people do not give.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Literal, NamedTuple

from broker.feedback.model import Hit
from broker.feedback.network_ranges import is_datacentre

AGENTS = Path(__file__).parent / "data" / "scanner_agents.txt"

BURST = timedelta(seconds=10)  # all links within this time: nobody reads so fast
FEWEST_LINKS = 3  # with one or two links a person may well open them all
TOO_SOON = timedelta(seconds=2)  # after the relay took the mail
TRAP_RANGE = timedelta(minutes=10)  # around a click on the hidden link, the same visit


class HitVerdict(NamedTuple):
    """`human` with an empty reason, or `scanner` with the rule that told it."""

    verdict: Literal["human", "scanner"]
    reason: str


HUMAN = HitVerdict("human", "")


@cache
def _agents() -> re.Pattern[str]:
    lines = AGENTS.read_text(encoding="utf-8").splitlines()
    return re.compile("|".join(line for line in lines if line and not line.startswith("#")), re.IGNORECASE)


def judge_hits(hits: Sequence[Hit], visible: frozenset[int], hidden: frozenset[int]) -> dict[int, HitVerdict]:
    """A verdict for each of one person's hits on one mailing (by hit id); `hits` are in the order of time."""
    trapped = [hit for hit in hits if hit.link in hidden]
    return {hit.id: _judge(hit, hits, trapped, visible) for hit in hits}


def _judge(hit: Hit, hits: Sequence[Hit], trapped: Sequence[Hit], visible: frozenset[int]) -> HitVerdict:
    if hit.manner != "get":
        return HitVerdict("scanner", f"{hit.manner}_request")
    if any(trap is hit or _one_visit(hit, trap) for trap in trapped):
        return HitVerdict("scanner", "hidden_link")
    if not hit.agent or _agents().search(hit.agent):
        return HitVerdict("scanner", "known_agent" if hit.agent else "no_agent")
    if is_datacentre(hit.ip):
        return HitVerdict("scanner", "datacentre")
    if len(visible) >= FEWEST_LINKS and _in_burst(hit, hits, visible):
        return HitVerdict("scanner", "all_links_at_once")
    if hit.delivered_at is not None and hit.at - hit.delivered_at < TOO_SOON:
        return HitVerdict("scanner", "too_soon")
    return HUMAN


def _one_visit(hit: Hit, trap: Hit) -> bool:
    return hit.agent == trap.agent and abs(hit.at - trap.at) <= TRAP_RANGE


def _in_burst(hit: Hit, hits: Sequence[Hit], visible: frozenset[int]) -> bool:
    """Whether some window of BURST that holds this hit holds hits on all visible links."""
    near = [other for other in hits if abs(other.at - hit.at) <= BURST]
    for start in near:
        window = [other for other in near if start.at <= other.at <= start.at + BURST]
        if hit in window and visible <= {other.link for other in window}:
            return True
    return False
