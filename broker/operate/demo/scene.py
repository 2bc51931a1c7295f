"""What the acts of the demo share."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from broker.kernel.database import Database
from broker.kernel.errors import Unavailable
from broker.kernel.settings import Settings
from broker.operate.demo.cast import Player
from broker.operate.demo.door import ApiDoor
from broker.operate.demo.stage import Bar, Stages


@dataclass
class Scene:
    """One run. `result` collects the keys that `courtier demo --json` prints; `known` holds codes between acts."""

    settings: Settings
    database: Database  # the workers' role: only for what has no door (first users, the demo's clock)
    cast: dict[str, Player]
    stages: Stages
    folder: Path
    contacts: int
    volume: int
    seed: int
    result: dict[str, Any] = field(default_factory=dict)
    known: dict[str, str] = field(default_factory=dict)

    @property
    def address(self) -> str:
        """Where the pages are."""
        return self.settings.web.public_url

    def door(self, player: str) -> ApiDoor:
        """The API, as this player."""
        return ApiDoor(self.address, self.cast[player].api_key)

    def add(self, **counts: int) -> None:
        """Add to counters of the result."""
        for name, count in counts.items():
            self.result[name] = self.result.get(name, 0) + count


def import_file(scene: Scene, player: str, base: str, kind: str, file: Path) -> Any:
    """Upload a file, start its import, follow it to the end; the finished run as the API describes it."""
    door = scene.door(player)
    with scene.stages.bar(file.stat().st_size) as bar:
        bar.to(0, say=f"uploading {file.name}")
        upload = door.send_file(f"/bases/{base}/uploads", file, bar.add, kind=kind, file_name=file.name)
    run = door.post(f"/bases/{base}/imports", upload=upload["code"])
    with scene.stages.bar() as bar:
        run = door.follow(
            f"/imports/{run['code']}",
            lambda state: state["state"] in ("done", "failed", "cancelled"),
            lambda state: _show_import(bar, state),
        )
    if run["state"] != "done":
        raise Unavailable(f"The import of {file.name} ended as {run['state']}: {run['problem']}", code="demo_import")
    return run


def _show_import(bar: Bar, state: Any) -> None:
    bar.to(state["done_bytes"], state["total_bytes"] or None, f"{state['state']}, {state['rows_read']:,} rows")


def follow_mailing(scene: Scene, player: str, code: str) -> Any:
    """Follow a mailing from its freeze to its last outcome; its report."""
    with scene.stages.bar() as bar:

        def look(report: Any) -> None:
            counts = report["counts"]
            done = sum(counts.get(state, 0) for state in ("accepted", "refused", "withheld", "uncertain"))
            bar.to(done, report["frozen"] or None, f"{report['state']}, {done:,} of {report['frozen']:,} mails")

        return scene.door(player).follow(
            f"/mailings/{code}", lambda report: report["state"] in ("sent", "cancelled", "failed"), look
        )
