"""What the demo says while it works: stages on standard error, with a bar where there is something to count."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn


class Bar:
    """One line that counts; `to` may be called from anywhere in the stage."""

    def __init__(self, progress: Progress, total: float | None) -> None:
        self._progress = progress
        self._task = progress.add_task("", total=total)

    def add(self, amount: float) -> None:
        """So much more is done."""
        self._progress.advance(self._task, amount)

    def to(self, done: float, total: float | None = None, say: str = "") -> None:
        """So much is done, of so much; `say` stands before the bar."""
        self._progress.update(self._task, completed=done, total=total, description=say)


class Stages:
    """Numbered stages and their seconds. `console` writes to standard error: the report alone is on standard output."""

    def __init__(self, names: tuple[str, ...]) -> None:
        self.console = Console(stderr=True, highlight=False)
        self.seconds: dict[str, float] = {}
        self._names = names

    def say(self, line: str) -> None:
        """A line of the running stage."""
        self.console.print(f"      {line}")

    @contextmanager
    def stage(self, name: str, title: str) -> Iterator[None]:
        """Announce a stage, and note how long it took under `name` (one of the names given at the start)."""
        number = self._names.index(name) + 1
        self.console.print(f"[bold cyan]{number:>2}/{len(self._names)}[/] [bold]{title}[/]")
        started = time.monotonic()
        yield
        self.seconds[name] = round(time.monotonic() - started, 2)

    @contextmanager
    def bar(self, total: float | None = None) -> Iterator[Bar]:
        """A bar that disappears when its block ends."""
        with Progress(
            TextColumn("      {task.description}"),
            BarColumn(bar_width=30),
            TaskProgressColumn(),
            TimeElapsedColumn(),
            console=self.console,
            transient=True,
        ) as progress:
            yield Bar(progress, total)
