"""One supervised process: how it is started, and how it says why it cannot go on."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from broker.kernel.errors import CourtierError, SettingsError
from broker.operate.service_users import Account
from broker.operate.state import open_log

PARENT = "COURTIER_SUPERVISOR"
REPORT = "COURTIER_REPORT"


@dataclass(frozen=True)
class Part:
    """What to run: `command` as `account` with `environment`.

    `ready` tells whether it serves; without it a part counts as ready once started. `where` is printed beside it.
    """

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    account: Account
    umask: int = 0o077
    ready: Callable[[], bool] | None = None
    where: str = ""


@dataclass
class RunningPart:
    """A started part. Its output goes to `log`, or to our own; `failures` counts the ends in a row."""

    part: Part
    log: Path | None
    process: subprocess.Popen[bytes] | None = None
    report: int = -1
    started: float = 0.0
    retry_at: float = 0.0
    failures: int = 0
    announced: bool = field(default=False)

    def start(self) -> None:
        """Start the process in a session of its own."""
        read, write = os.pipe()
        os.set_blocking(read, False)
        log = None if self.log is None else open_log(self.log)
        try:
            self.process = subprocess.Popen(
                self.part.command,
                cwd="/",
                env={**self.part.environment, PARENT: str(os.getpid()), REPORT: str(write)},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=(write,),
                start_new_session=True,
                umask=self.part.umask,
                **self.part.account.popen_arguments(),
            )
        except BaseException:
            os.close(read)
            raise
        finally:
            os.close(write)
            if log is not None:
                os.close(log)
        self.report = read
        self.started = time.monotonic()

    def ended(self) -> bool:
        """Whether the process has ended; then what it left behind in its session is ended too."""
        if self.process is None or self.process.poll() is None:
            return self.process is None
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)
        return True

    def reason(self) -> CourtierError | None:
        """What the ended process reported, once."""
        handle, self.report = self.report, -1
        if handle < 0:
            return None
        with os.fdopen(handle, "rb") as file:
            raw = file.read()
        if not raw:
            return None
        told = json.loads(raw)
        kind = SettingsError if told["settings"] else CourtierError
        return kind(told["sentence"], code=told["code"], field=told["field"])

    def signal(self, sign: signal.Signals) -> None:
        """Send a signal to the process, or SIGKILL to its whole session."""
        if self.process is None or self.process.poll() is not None:
            return
        with suppress(ProcessLookupError):
            if sign is signal.SIGKILL:
                os.killpg(self.process.pid, sign)
            else:
                self.process.send_signal(sign)


def report_to_parent(error: CourtierError) -> None:
    """From within a part: hand the sentence to the supervisor, where there is one."""
    handle = os.environ.get(REPORT)
    if handle:
        told: dict[str, object] = {"code": error.code, "sentence": error.sentence, "field": error.field}
        told["settings"] = isinstance(error, SettingsError)
        with suppress(OSError):
            os.write(int(handle), json.dumps(told).encode())
