"""Whatever leaves as CSV leaves through the safe writer: no cell of it is computed by a spreadsheet."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
# No spreadsheet opens what these write: our own reading of a workbook, a file to be read by an accounting program
# whose texts must stay as they are, and a file made for a benchmark.
OTHERS = {
    "broker/kernel/safe_csv.py",
    "broker/bases/open_container.py",
    "broker/operate/bench/import_scene.py",
}


def test_only_the_safe_writer_writes_csv() -> None:
    found = set()
    for folder in ("broker", "api", "web"):
        for path in (ROOT / folder).rglob("*.py"):
            if re.search(r"\bcsv\.(?:writer|DictWriter)\(|\bwrite_csv\(", path.read_text(encoding="utf-8")):
                found.add(path.relative_to(ROOT).as_posix())
    assert found <= OTHERS, f"use broker.kernel.safe_csv.SafeWriter in {sorted(found - OTHERS)}"
