"""The entry of supervised processes: `python -m broker.operate web|audience|worker|mailin`."""

from __future__ import annotations

import importlib
import os
import sys

from broker.kernel.errors import CourtierError
from broker.operate.faults import print_fault
from broker.operate.parent_death import follow_parent
from broker.operate.part import PARENT, report_to_parent
from broker.operate.process_settings import ROLES_OF, received_settings


def main() -> int:
    """Run one process until it is told to end; 0 ended in order, 1 refused, 70 a fault of ours."""
    follow_parent(int(os.environ[PARENT]))
    kind = sys.argv[1]
    if kind not in ROLES_OF:
        print(f"No such process: {kind}.", file=sys.stderr)
        return 2
    try:
        importlib.import_module(f"broker.operate.processes.{kind}").run(received_settings(kind))
    except CourtierError as error:
        print(f"{error.sentence} ({error.code})", file=sys.stderr)
        report_to_parent(error)
        return 1
    except KeyboardInterrupt:
        return 0
    except Exception as error:  # the last line: everything below has said what it could
        print_fault(error, sys.stderr)
        return 70
    return 0


if __name__ == "__main__":
    sys.exit(main())
