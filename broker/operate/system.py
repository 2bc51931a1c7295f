"""Everything that runs on one machine, put together: database, front, audience, workers, the door for returned mail."""

from __future__ import annotations

import errno
import signal
import socket
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from types import FrameType

from broker.kernel.errors import Unavailable
from broker.kernel.settings import Settings
from broker.operate.database_server import DatabaseServer, running_postgres
from broker.operate.keys import prepare_keys
from broker.operate.migrate import head, migrate
from broker.operate.part import Part
from broker.operate.process_environment import process_environment
from broker.operate.service_users import Account, can_enter, can_run_code, own_account, system_account
from broker.operate.state import State, hand_over, make_folder
from broker.operate.supervisor import Supervisor

Say = Callable[[str], None]


@dataclass(frozen=True)
class Accounts:
    """Who the front (web, mailin) and the workers (worker, audience) run as."""

    front: Account
    worker: Account

    @property
    def separate(self) -> bool:
        """Whether one cannot read the other's keys."""
        return self.front.uid != self.worker.uid


@dataclass(frozen=True)
class System:
    """A running instance. `supervisor.check()` raises when something ended it."""

    settings: Settings
    server: DatabaseServer
    accounts: Accounts
    supervisor: Supervisor


def choose_accounts(settings: Settings) -> Accounts:
    """As root, users of their own where these can run the code; else the invoking user for both."""
    own = own_account()
    if own.uid != 0:
        return Accounts(own, own)
    front, worker = system_account("courtier-web"), system_account("courtier-worker")
    state = State.of(settings)
    state.make()  # whether they may enter it is part of the question
    if all(can_enter(state.root, one) and can_run_code(one, settings.source) for one in (front, worker)):
        return Accounts(front, worker)
    return Accounts(own, own)


def make_work_folders(settings: Settings, accounts: Accounts) -> None:
    """The folders where processes leave files: each belongs to its writer, and to the one who must read it.

    `hits/`: clicks and wishes to leave, kept by the front before it answers. `uploads/`: sealed uploads, written by
    the front, read and destroyed by workers. `staging/`, `snapshots/`: workers only.
    `run/`: the audience process's socket, which the front may reach but not list. `journal/`: written by workers; one
    that the operator chose (`instance.journal_dir`) keeps the owner that the operator gave it.
    """
    root = State.of(settings).root
    front, worker = accounts.front, accounts.worker
    shared = accounts.separate
    for name, owner, group, mode in (
        ("hits", front, front.gid, 0o700),
        ("uploads", front, worker.gid, 0o2770 if shared else 0o700),
        ("staging", worker, worker.gid, 0o700),
        ("snapshots", worker, worker.gid, 0o700),
        *([] if settings.instance.journal_dir else [("journal", worker, worker.gid, 0o700)]),
        ("run", worker, front.gid, 0o2710 if shared else 0o700),
    ):
        hand_over(root / name, owner, group, mode)
        make_folder(root / name, owner, mode, group=group)


def check_port_free(host: str, port: int, setting: str) -> None:
    """Refuse with one sentence when somebody listens there already, or we may not. Port 0 is always free."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with closing(socket.socket(family, socket.SOCK_STREAM)) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                why, code = "is in use by another program. Stop that one", "port_in_use"
            elif error.errno == errno.EACCES:
                why, code = "is kept for root by this system. Put a reverse proxy before Courtier", "port_refused"
            else:
                why, code = f"cannot be listened on ({error.strerror}). Check the address", "port_refused"
            raise Unavailable(f"{host}:{port} {why}, or set {setting} to another.", code=code, field=setting) from None


def part_of(kind: str, name: str, settings: Settings, server: DatabaseServer, accounts: Accounts) -> Part:
    """One process: `kind` decides its user, what it is told, and the door whose opening makes it ready."""
    front = kind in ("web", "mailin")
    door = {
        "web": ("http", settings.web.host, settings.web.port),
        "mailin": ("smtp", settings.mailin.host, settings.mailin.port),
    }.get(kind)
    # The front's uploads are read by workers, and the audience's socket is used by the front: by way of the group.
    umask = 0o007 if accounts.separate and kind in ("web", "audience") else 0o077
    return Part(
        name,
        (sys.executable, "-m", "broker.operate", kind),
        process_environment(kind, settings, server),
        accounts.front if front else accounts.worker,
        umask,
        partial(_listens, *door[1:]) if door else None,
        f"{door[0]}://{door[1]}:{door[2]}" if door else "",
    )


def parts_of(settings: Settings, server: DatabaseServer, accounts: Accounts, *, web: bool = True) -> list[Part]:
    """The processes of one machine. Without `web` only those behind it (a demo that does not serve)."""
    numbers = range(1, settings.worker.processes + 1)
    kinds = [("audience", "audience"), *(("worker", f"worker-{number}") for number in numbers), ("mailin", "mailin")]
    if web:
        kinds.append(("web", "web"))
    return [part_of(kind, name, settings, server, accounts) for kind, name in kinds]


def _listens(host: str, port: int) -> bool:
    target = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - compared, not bound
    try:
        socket.create_connection((target, port), timeout=1).close()
    except OSError:
        return False
    return True


@contextmanager
def running_system(settings: Settings, say: Say, *, web: bool = True, extra: Sequence[Part] = ()) -> Iterator[System]:
    """Start everything, yield once all is ready, and end everything with the block. For the main thread.

    `extra` parts are started beside ours (the demo's mail sink).
    """
    if web:
        check_port_free(settings.web.host, settings.web.port, "web.port")
    check_port_free(settings.mailin.host, settings.mailin.port, "mailin.port")
    with ending_on_signals(), running_postgres(settings, attach=False) as server:
        if server.embedded is None and "admin" in server.urls:
            migrate(server.url("admin"), demo=settings.instance.demo)
        say(f"{'database':<10} {'embedded' if server.embedded else 'as the settings say'}, at schema step {head()}")
        accounts = choose_accounts(settings)
        make_work_folders(settings, accounts)
        prepare_keys(settings, accounts.front, accounts.worker)
        parts = [*parts_of(settings, server, accounts, web=web), *extra]
        with Supervisor(parts, State.of(settings).log, server=server.embedded, say=say) as supervisor:
            yield System(settings, server, accounts, supervisor)


@contextmanager
def ending_on_signals() -> Iterator[None]:
    """Within the block SIGINT, SIGTERM and SIGHUP raise KeyboardInterrupt once; more are ignored while all ends."""
    asked = False

    def handle(number: int, frame: FrameType | None) -> None:
        nonlocal asked
        if not asked:
            asked = True
            raise KeyboardInterrupt

    signals = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, handle) for number in signals}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
