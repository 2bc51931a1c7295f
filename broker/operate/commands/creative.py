"""Checks a creative: links, merge tags, what had to be removed, legal lines, weight."""

from __future__ import annotations

import re
from pathlib import Path

import click

from broker.kernel.errors import InvalidInput
from broker.mailings.creative_check import CreativeReport, check_creative
from broker.mailings.decode_html import decode_html
from broker.mailings.slots import SLOT
from broker.operate.cli import Invocation
from broker.operate.output import json_option, print_json, print_table

_SAMPLE = {"owner_name": "(owner)", "advertiser_name": "(advertiser)", "advertiser_identity": "(advertiser)"}


@click.group()
def command() -> None:
    """Work on creatives.

    Example: courtier creative check newsletter.html --out composed.html
    """


@command.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Write the composed HTML here.")
@click.option("--language", type=click.Choice(["fr", "en"]), default="fr", show_default=True)
@click.option("--subject", default="", help="Check this subject line too.")
@json_option
@click.pass_obj
def check(invocation: Invocation, file: Path, out: Path | None, language: str, subject: str, as_json: bool) -> None:
    """Say what a creative would become: needs no database.

    The composed HTML has its links rewritten: …/c/preview-3 stands for the third of the report's "urls".

    Example: courtier creative check newsletter.html --json
    """
    try:
        raw = file.read_bytes()
    except OSError as error:
        raise InvalidInput(f"{file} cannot be read: {error.strerror}.", code="file_unreadable") from None
    if b"\0" in raw[:1024] and not raw.startswith((b"\xff\xfe", b"\xfe\xff", b"<\0")):
        raise InvalidInput(f"{file} is a binary file, not HTML.", code="not_html")
    report = check_creative(decode_html(raw), language, subject)
    if out is not None:
        out.write_text(_preview(report.html, invocation.settings.web.public_url), encoding="utf-8")
    if as_json:
        print_json(report.keys())
    else:
        print_table(("what", "found"), _rows(report))


def _preview(html: str, public_url: str) -> str:
    def value(match: re.Match[str]) -> str:
        name, default = match[1], match[2] or ""
        if name.startswith("link:"):
            return f"{public_url}/c/preview-{name[5:]}"
        return {"unsubscribe_url": f"{public_url}/u/preview", "partners_url": f"{public_url}/partners/preview"}.get(
            name, _SAMPLE.get(name, default or f"({name})")
        )

    return SLOT.sub(value, html)


def _rows(report: CreativeReport) -> list[tuple[str, object]]:
    rows: list[tuple[str, object]] = [
        ("links", f"{report.links}, of which {report.rewritten} rewritten"),
        ("weight", f"{report.weight:,} bytes"),
        ("removed", ", ".join(f"{name} × {count}" for name, count in report.removed.items()) or "nothing"),
        ("unknown tags", ", ".join(report.unknown_tags) or "none"),
        ("legal lines", f"added: {', '.join(report.missing)}" if report.missing else "all there"),
    ]
    rows += [("error", line) for line in report.errors]
    rows += [("warning", line) for line in report.warnings]
    return rows
