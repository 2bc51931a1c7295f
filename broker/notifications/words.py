"""The words of an event in a person's language, and the text of a mail about it."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from datetime import date
from functools import cache
from pathlib import Path

from broker.kernel.money import format_cents
from broker.notifications.kinds import kind_named, kinds, path_of
from broker.notifications.model import Event

LETTERS = Path(__file__).parent / "data" / "letters.toml"
OURS = "fr"  # where a language is not ours


def words_of(event: Event, language: str) -> tuple[str, str]:
    """(title, sentence) of an event; of a kind that the catalogue has no more, its name and nothing."""
    if event.kind not in kinds():
        return event.kind, ""
    kind = kind_named(event.kind)
    spoken = language if language in kind.titles else OURS
    # Facts of an older version of the kind may be missing.
    facts = {name: written(name, event.facts.get(name, "…"), spoken) for name in kind.facts}
    return kind.titles[spoken].format(**facts), kind.texts[spoken].format(**facts).strip()


def written(name: str, value: str | int, language: str) -> str:
    """One fact as a person reads it."""
    if name in _coded():
        return _coded()[name][language].get(str(value), str(value))
    if isinstance(value, int):
        return format_cents(value, language) if name.endswith("_cents") else _thousands(value, language)
    if name.endswith("_on") and not value:
        return phrase("no_day", language)
    if name.endswith("_on"):
        try:
            day = date.fromisoformat(value)
        except ValueError:
            return value
        return _day(day, language)
    return value


def _day(day: date, language: str) -> str:
    """`5 December 2026`, `5 décembre 2026`, `1er décembre 2026`: day and month stay in one line."""
    month = phrase("months", language).split()[day.month - 1]
    first = phrase("first_day", language) if day.day == 1 else str(day.day)
    return f"{first}\N{NO-BREAK SPACE}{month} {day.year}"


def _thousands(value: int, language: str) -> str:
    return f"{value:,}" if language == "en" else f"{value:,}".replace(",", "\u202f")


@cache
def _coded() -> dict[str, dict[str, dict[str, str]]]:
    """Facts that are codes with words: name → language → code → word."""
    table: dict[str, dict[str, dict[str, str]]] = _table()["words"]
    return table


@cache
def _table() -> dict[str, dict[str, dict[str, dict[str, str]]]]:
    return tomllib.loads(LETTERS.read_text(encoding="utf-8"))


def phrase(name: str, language: str) -> str:
    """A fixed phrase of mails about events."""
    phrases = _table()["letter"]
    found: dict[str, str] = phrases.get(language, phrases[OURS])  # type: ignore[assignment]
    return found[name]


def mail_about(event: Event, language: str, company: str, public_url: str, leave_url: str) -> tuple[str, str]:
    """(subject, text) of the mail about one event."""
    title, sentence = words_of(event, language)
    parts = [title + ".", sentence, _link(event, public_url), _foot(language, company, public_url, leave_url)]
    return title, "\n\n".join(filter(None, parts)) + "\n"


def mail_of_day(
    events: Sequence[Event], language: str, company: str, public_url: str, leave_url: str
) -> tuple[str, str]:
    """(subject, text) of a day's digest, oldest first."""
    blocks = []
    for event in events:
        title, sentence = words_of(event, language)
        blocks.append("\n".join(filter(None, [f"• {title}", sentence, _link(event, public_url)])))
    subject = phrase("digest_subject", language).format(company=company, count=len(events))
    head = phrase("digest_head", language).format(company=company)
    foot = _foot(language, company, public_url, leave_url, digest=True)
    return subject, "\n\n".join([head, *blocks, foot]) + "\n"


def _link(event: Event, public_url: str) -> str:
    path = path_of(event.object_kind, event.object_code)
    return f"{public_url}{path}" if path else ""


def _foot(language: str, company: str, public_url: str, leave_url: str, *, digest: bool = False) -> str:
    return phrase("digest_foot" if digest else "foot", language).format(
        company=company, choose_url=f"{public_url}/account/notifications", leave_url=leave_url
    )
