"""Processes that end with the one that started them, whatever ended that one.

The kernel's parent-death signal is cleared when a process changes its user, so it is set after that: subprocess runs
`preexec_fn` last, just before exec. It follows the *thread* that forked: children are started from a thread that
lives as long as they do.
"""

from __future__ import annotations

import ctypes
import os
import signal
import threading
import time
from collections.abc import Callable

_PR_SET_PDEATHSIG = 1
_GRACE_SECONDS = 10.0
_libc = ctypes.CDLL(None, use_errno=True)  # loaded before any fork: the child may not load libraries


def die_with_parent(sign: signal.Signals, parent: int | None = None) -> Callable[[], None]:
    """A `preexec_fn` that has the kernel send `sign` to the child when its parent (default: this process) dies."""
    parent = os.getpid() if parent is None else parent

    def arm() -> None:
        _libc.prctl(_PR_SET_PDEATHSIG, int(sign), 0, 0, 0)
        if os.getppid() != parent:  # it died before the call above
            os._exit(1)

    return arm


def follow_parent(parent: int, sign: signal.Signals = signal.SIGTERM) -> None:
    """From within a child: ask for `sign` at the parent's death, and end for good if that is not enough.

    `parent` is the process that started this one: where it has died already, this one ends at once. A watcher thread
    ends it 10 seconds after the parent's death, should the orderly way hang.
    """
    _libc.prctl(_PR_SET_PDEATHSIG, int(sign), 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1.0)
        time.sleep(_GRACE_SECONDS)
        os._exit(1)

    threading.Thread(target=watch, name="parent-watch", daemon=True).start()
