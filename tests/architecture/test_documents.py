"""What the documents tell of exists: commands with their options, settings, calls, files."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from api.description import openapi
from broker.kernel.settings import Settings
from broker.operate.cli import cli

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
_CALL = re.compile(r"`(GET|POST|PUT|PATCH|DELETE) (/[^`\s?]*)")
NO_SETTINGS = {("results", "ready"), ("worker", "json")}  # an event and a file
_OUTSIDE = ("/u/", "/rights/")  # public pages, no calls


def commands(text: str) -> Iterator[str]:
    """The command lines of a document: in code spans and in blocks."""
    block = False
    for line in text.splitlines():
        if line.startswith("```"):
            block = not block
        elif (block or line.startswith("    ")) and (
            found := re.search(r"(?:^|[\s/])courtier (.*)", line.split(" #")[0])
        ):
            yield found[1]
        else:
            yield from (span[1] for span in re.finditer(r"`(?:[^`\s]*/)?courtier ([^`\n]+)`", line))


def fault(line: str) -> str | None:
    """What of a command line there is not."""
    words = re.split(r"[|;#>]|&&|\.\.\.|…", line)[0].replace(",", " ").split()
    here: click.Command = cli
    known = {name for option in cli.params for name in (*option.opts, *option.secondary_opts)} | {"--help", "-h"}
    for word in words:
        if word.startswith("-"):
            if word.split("=")[0] not in known:
                return f"courtier {line}: no option {word}"
        elif isinstance(here, click.Group) and re.fullmatch(r"[a-z][a-z0-9-]*", word):
            found = here.get_command(click.Context(here), word)
            if found is None:
                return f"courtier {line}: no command {word}"
            here = found
            known |= {name for option in here.params for name in (*option.opts, *option.secondary_opts)}
    return None


def path_of(written: str) -> str:
    """The path of a call, whatever stands for its parts."""
    return re.sub(r"\{[^}]*\}|<[^>]*>|(?<=/)[A-Z]+(?=/|$)", "{}", written.removeprefix("/api/v1")).rstrip("/.,")


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_command_exists_with_these_options(document: Path) -> None:
    faults = [fault(line) for line in commands(document.read_text(encoding="utf-8"))]
    assert [one for one in faults if one] == []


def test_every_setting_exists() -> None:
    sections = {field.name: getattr(Settings(), field.name) for field in dataclasses.fields(Settings)}
    known = {
        name: {field.name for field in dataclasses.fields(section)}
        for name, section in sections.items()
        if dataclasses.is_dataclass(section)
    }
    told = {
        (document.name, section, name)
        for document in DOCUMENTS
        if document.name != "webhooks.md"  # names of events look the same
        for section, name in re.findall(r"`([a-z]+)\.([a-z_]+)`", document.read_text(encoding="utf-8"))
        if section in known and (section, name) not in NO_SETTINGS
    }
    assert {one for one in told if one[2] not in known[one[1]]} == set()


def test_every_call_exists() -> None:
    known = {(verb.upper(), path_of(path)) for path, item in openapi()["paths"].items() for verb in item}
    told = {
        (document.name, verb, path)
        for document in DOCUMENTS
        for verb, path in _CALL.findall(document.read_text(encoding="utf-8"))
        if not path.startswith(_OUTSIDE)
    }
    assert {one for one in told if (one[1], path_of(one[2])) not in known} == set()


def test_every_link_leads_to_a_file() -> None:
    lost = [
        (document.name, target)
        for document in DOCUMENTS
        for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", document.read_text(encoding="utf-8"))
        if not target.startswith("http") and not (document.parent / target).exists()
    ]
    assert lost == []
