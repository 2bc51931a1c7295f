"""Keeps the processes of one machine running: starts, watches, restarts with back-off, and ends them all.

All starting is done in one thread that lives as long as the children do: the kernel's parent-death signal follows
the thread that forked.
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType

from broker.kernel.errors import CourtierError, SettingsError, Unavailable
from broker.operate.part import Part, RunningPart
from broker.operate.postgres_server import PostgresServer

FIRST_WAIT, LONGEST_WAIT = 0.5, 30.0
STEADY_SECONDS = 60.0  # a part that ran this long starts its back-off anew
STOP_SECONDS = 25.0
READY_SECONDS = 120.0
SETTLED_SECONDS = 1.0  # a part without a door of its own counts as ready after this long


def wait_before_restart(failures: int) -> float:
    """Seconds before the next start after `failures` ends in a row: doubled each time, up to half a minute."""
    return float(min(LONGEST_WAIT, FIRST_WAIT * 2 ** max(0, failures - 1)))


class Supervisor:
    """Runs parts from `start` (or `with`) to `stop`; `failure` holds the error that ended everything, if any."""

    def __init__(
        self,
        parts: Sequence[Part],
        log_dir: Path | None,
        *,
        server: PostgresServer | None = None,
        say: Callable[[str], None] = lambda line: None,
    ) -> None:
        self.failure: CourtierError | None = None
        self._running = [RunningPart(part, log_dir and log_dir / f"{part.name}.log") for part in parts]
        self._server = server
        self._server_retry_at = 0.0
        self._server_failures = 0
        self._say = say
        self._stop = threading.Event()
        self._ready = threading.Event()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._work, name="supervisor", daemon=True)

    def __enter__(self) -> Supervisor:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Start all parts and return when each is ready; raises the sentence of the one that cannot start."""
        self._thread.start()
        until = time.monotonic() + READY_SECONDS
        while not self._ready.wait(0.05):
            if self._over.is_set() or time.monotonic() > until:
                break
        self.check()
        if not self._ready.is_set():
            late = [run.part.name for run in self._running if not run.announced]
            raise Unavailable(f"Not ready after {READY_SECONDS:.0f} seconds: {', '.join(late)}. Their logs say why.")

    def wait(self) -> None:
        """Block until something ends everything; raises its sentence. Signals reach the caller in between."""
        while not self._over.wait(0.5):
            pass
        self.check()

    def check(self) -> None:
        """Raise the error that ended the parts, if one did."""
        if self.failure is not None:
            raise self.failure

    def stop(self) -> None:
        """End all parts: in order within 25 seconds, then at once. Safe to call again."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()

    def _work(self) -> None:
        try:
            while not self._stop.wait(0.1):
                self._watch_server()
                for run in self._running:
                    self._watch(run)
                if not self._ready.is_set() and all(run.announced for run in self._running):
                    self._ready.set()
        except CourtierError as error:
            self.failure = error
        except OSError as error:
            self.failure = Unavailable(f"A process could not be started: {error.strerror}.", code="process_start")
        finally:
            self._end_all()
            self._over.set()

    def _watch(self, run: RunningPart) -> None:
        if run.process is None:
            if time.monotonic() >= run.retry_at:
                run.start()
            return
        if run.ended():
            self._after_end(run)
        elif not run.announced and self._serves(run):
            run.announced = True
            self._say(f"{run.part.name:<10} {run.part.where or 'running'}")

    @staticmethod
    def _serves(run: RunningPart) -> bool:
        if run.part.ready is not None:
            return run.part.ready()
        return time.monotonic() - run.started > SETTLED_SECONDS

    def _after_end(self, run: RunningPart) -> None:
        assert run.process is not None
        status, reason = run.process.returncode, run.reason()
        steady = time.monotonic() - run.started > STEADY_SECONDS
        run.process = None
        # A refusal at the first start, or of the settings: starting again would only hide it.
        if isinstance(reason, SettingsError) or (reason is not None and not run.announced):
            raise reason
        run.failures = 1 if steady else run.failures + 1
        wait = wait_before_restart(run.failures)
        run.retry_at = time.monotonic() + wait
        how = f"signal {-status}" if status < 0 else f"status {status}"
        where = f" (log: {run.log})" if run.log else ""
        why = f": {reason.sentence}" if reason else ""
        self._say(f"{run.part.name:<10} ended ({how}){why}; starting it again in {wait:g} s{where}")

    def _watch_server(self) -> None:
        server = self._server
        if server is None or (server.process is not None and server.process.poll() is None):
            return
        if server.process is not None:
            server.process = None
            self._server_failures += 1
            wait = wait_before_restart(self._server_failures)
            self._server_retry_at = time.monotonic() + wait
            self._say(f"database   ended; starting it again in {wait:g} s")
        if time.monotonic() >= self._server_retry_at:
            try:
                server.start()
            except Unavailable as error:
                self._server_failures += 1
                self._server_retry_at = time.monotonic() + wait_before_restart(self._server_failures)
                self._say(f"database   {error.sentence}")

    def _end_all(self) -> None:
        for run in self._running:
            run.signal(signal.SIGTERM)
        until = time.monotonic() + STOP_SECONDS
        while time.monotonic() < until and not all(run.ended() for run in self._running):
            time.sleep(0.05)
        for run in self._running:
            run.signal(signal.SIGKILL)
            if run.process is not None:
                run.process.wait()
                run.ended()
            run.reason()
