"""Person or machine: the rules that judge one person's hits. Pure.

Security gateways fetch every link of a mail, often at once and before it is delivered, some with the agent of a
browser. Only a person's click is billed, so each rule must be a sign that people do not give.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import cache, lru_cache
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


@lru_cache(maxsize=4096)  # most clicks of a mailing come from some hundred browsers
def _says_machine(agent: str) -> bool:
    return _agents().search(agent) is not None


def judge_hits(hits: Sequence[Hit], visible: frozenset[int], hidden: frozenset[int]) -> dict[int, HitVerdict]:
    """A verdict for each of one person's hits on one mailing (by hit id); `hits` are in the order of time.

    Linear in their number: whoever fetches one link again and again keeps nobody's verdict waiting.
    """
    traps: defaultdict[str, list[datetime]] = defaultdict(list)
    for hit in hits:
        if hit.link in hidden:
            traps[hit.agent].append(hit.at)
    at_once = _at_once(hits, visible) if len(visible) >= FEWEST_LINKS else set()
    return {hit.id: _judge(hit, traps, all_links_at_once=hit.id in at_once) for hit in hits}


def _judge(hit: Hit, traps: Mapping[str, Sequence[datetime]], *, all_links_at_once: bool) -> HitVerdict:
    if hit.manner != "get":
        return HitVerdict("scanner", f"{hit.manner}_request")
    if _trapped(hit, traps.get(hit.agent, ())):
        return HitVerdict("scanner", "hidden_link")
    if not hit.agent or _says_machine(hit.agent):
        return HitVerdict("scanner", "known_agent" if hit.agent else "no_agent")
    if is_datacentre(hit.ip):
        return HitVerdict("scanner", "datacentre")
    if all_links_at_once:
        return HitVerdict("scanner", "all_links_at_once")
    if hit.delivered_at is not None and hit.at - hit.delivered_at < TOO_SOON:
        return HitVerdict("scanner", "too_soon")
    return HUMAN


def _trapped(hit: Hit, traps: Sequence[datetime]) -> bool:
    """Whether its agent opened the hidden link, at one of these times, in the same visit."""
    nearest = bisect_left(traps, hit.at - TRAP_RANGE)
    return nearest < len(traps) and traps[nearest] <= hit.at + TRAP_RANGE


def _at_once(hits: Sequence[Hit], visible: frozenset[int]) -> set[int]:
    """The ids of hits within some window of BURST that holds hits on all visible links."""
    found: set[int] = set()
    links: Counter[int] = Counter()  # the visible ones of the window, hits[start:end]
    end = told = 0
    for start, first in enumerate(hits):
        while end < len(hits) and hits[end].at <= first.at + BURST:
            links[hits[end].link] += hits[end].link in visible
            end += 1
        if visible <= (+links).keys():
            found.update(hit.id for hit in hits[max(start, told) : end])
            told = end
        links[first.link] -= first.link in visible
    return found
