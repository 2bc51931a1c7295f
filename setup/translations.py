"""Gettext catalogues: every `messages.po` compiled to the `messages.mo` that the pages read."""

from __future__ import annotations

from pathlib import Path


def compile_catalogues(project: Path) -> int:
    """Compile catalogues that are newer than their compiled form; return how many were."""
    from babel.messages.mofile import write_mo
    from babel.messages.pofile import read_po

    compiled = 0
    for source in sorted((project / "web" / "translations").glob("*/LC_MESSAGES/*.po")):
        target = source.with_suffix(".mo")
        if target.exists() and target.stat().st_mtime >= source.stat().st_mtime:
            continue
        with source.open("rb") as file:
            catalogue = read_po(file, locale=source.parent.parent.name)
        fresh = target.with_suffix(".new")
        with fresh.open("wb") as file:
            write_mo(file, catalogue)
        fresh.rename(target)
        compiled += 1
    return compiled
