"""The catalogue of events, read from `data/kinds.toml` at first use: who is told, how, with which facts and words.

A fact is a word or a figure. How it is written follows from the end of its name: `…_cents` is money in euros, `…_on` a
day, any other whole number is written with the language's thousands; everything else stands as it is.
"""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal, get_args

Channel = Literal["product", "mail", "digest", "off"]
CHANNELS: tuple[Channel, ...] = get_args(Channel)
LANGUAGES = ("en", "fr")
ALL = "*"  # of an endpoint's kinds: every kind, those to come included

_PLACE = re.compile(r"\{\w+\}")
CATALOGUE = Path(__file__).parent / "data" / "kinds.toml"


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of event. `titles` and `texts` are by language, with places in braces for `facts`.

    `object` names the sort of thing that the event's code belongs to, `roles` the people who are told, `channel` how
    they are told unless they chose otherwise.
    """

    name: str
    object: str
    roles: tuple[str, ...]
    channel: Channel
    facts: tuple[str, ...]
    titles: Mapping[str, str]
    texts: Mapping[str, str]

    def title(self, language: str) -> str:
        """What the kind is called where no event is at hand: its title without the facts."""
        return _PLACE.sub("…", self.titles[language])

    @property
    def group(self) -> str:
        """The first word of the name: events of one group stand together on pages."""
        return self.name.partition(".")[0]


@cache
def kinds() -> Mapping[str, Kind]:
    """All kinds by name, in the order of the catalogue."""
    table = tomllib.loads(CATALOGUE.read_text(encoding="utf-8"))
    found = {}
    for name, entry in table["kind"].items():
        words = {language: entry[language] for language in LANGUAGES}
        found[name] = Kind(
            name=name,
            object=entry["object"],
            roles=tuple(entry["to"]),
            channel=entry["channel"],
            facts=tuple(entry.get("facts", ())),
            titles={language: word[0] for language, word in words.items()},
            texts={language: word[1] for language, word in words.items()},
        )
    return found


@cache
def paths() -> Mapping[str, str]:
    """Sort of object → path of its page, with the place `{code}`."""
    found: dict[str, str] = tomllib.loads(CATALOGUE.read_text(encoding="utf-8"))["path"]
    return found


def kind_named(name: str) -> Kind:
    """A kind by its name. An unknown name is a programmer's fault: `ValueError`, with the nearest."""
    found = kinds().get(name)
    if found is None:
        near = difflib.get_close_matches(name, kinds(), n=1)
        raise ValueError(f"no kind of event is called {name!r}" + (f"; did you mean {near[0]!r}?" if near else ""))
    return found


def kinds_of(role: str) -> list[Kind]:
    """The kinds that people of a role are told of."""
    return [kind for kind in kinds().values() if role in kind.roles]


def path_of(object_kind: str, code: str) -> str:
    """The path of the page where an event's object is looked at; empty where it has none."""
    return paths().get(object_kind, "").format(code=code)


def catalogue_table() -> str:
    """The catalogue as Markdown, printed in docs/webhooks.md."""
    rows = ["| event | when | told to | unless chosen otherwise | facts |", "| --- | --- | --- | --- | --- |"]
    for kind in kinds().values():
        roles = ", ".join(kind.roles) or "the endpoint tested"
        facts = ", ".join(f"`{fact}`" for fact in kind.facts) or "none"
        rows.append(f"| `{kind.name}` | {kind.title('en')} | {roles} | {kind.channel} | {facts} |")
    return "\n".join(rows) + "\n"
