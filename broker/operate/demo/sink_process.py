"""The entry of the demo's sink process: `python -m broker.operate.demo.sink_process HOST PORT FOLDER RULE…`."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from broker.operate.mail_sink import parse_sink_rule, run_sink
from broker.operate.parent_death import follow_parent
from broker.operate.part import PARENT


def main() -> None:
    """Sink mail until the supervisor ends us, or ends itself."""
    follow_parent(int(os.environ[PARENT]))
    host, port, folder, *rules = sys.argv[1:]
    run_sink(host, int(port), Path(folder), [parse_sink_rule(rule) for rule in rules], lambda real: None)


if __name__ == "__main__":
    main()
