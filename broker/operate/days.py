"""Days as people type them after a command."""

from __future__ import annotations

from typing import Any

import click


class _Day(click.DateTime):
    """A day, shown and asked for as YYYY-MM-DD."""

    def __init__(self) -> None:
        super().__init__(["%Y-%m-%d"])

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:
        return "YYYY-MM-DD"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        try:
            return super().convert(value, param, ctx)
        except click.BadParameter:
            self.fail(f"{value!r} is no day: write it as 2026-12-31.", param, ctx)


DAY = _Day()
