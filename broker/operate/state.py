"""The folders of one instance: who owns each, and where the sockets are.

Nothing that exists has its permissions widened; folders made here are private unless two of our users must meet.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import secrets
import shutil
import stat
from dataclasses import dataclass
from pathlib import Path

from broker.kernel.errors import Conflict, Unavailable
from broker.kernel.settings import Settings
from broker.operate.service_users import Account, own_account


@dataclass(frozen=True, slots=True)
class State:
    """Paths of one instance. `root` is the state folder; its parts are made on demand."""

    root: Path

    @classmethod
    def of(cls, settings: Settings) -> State:
        """The state of the instance that the settings name."""
        return cls(settings.state_dir.absolute())

    @property
    def postgres(self) -> Path:
        """The database server's own folder: `data/` and its log."""
        return self.root / "postgres"

    @property
    def log(self) -> Path:
        """One log file per process."""
        return self.root / "log"

    @property
    def socket_dir(self) -> Path:
        """A short folder for the server's socket: the system allows about 100 characters in all."""
        mark = hashlib.sha256(os.fsencode(self.root)).hexdigest()[:10]
        if os.geteuid() == 0 and os.access("/run", os.W_OK):
            return Path("/run/courtier") / mark
        runtime = Path(os.environ.get("XDG_RUNTIME_DIR") or "/nonexistent")
        if runtime.is_dir() and runtime.stat().st_uid == os.geteuid() and len(str(runtime)) < 60:
            return runtime / f"courtier-{mark}"
        return Path("/tmp") / f"courtier-{os.geteuid()}-{mark}"  # noqa: S108 - made private and its owner checked

    def make(self) -> None:
        """Make the state folder and its private parts."""
        # Service users pass through to the parts that are theirs; they cannot list.
        make_folder(self.root, own_account(), 0o711 if os.geteuid() == 0 else 0o700)
        make_folder(self.root / "secrets", own_account(), 0o700)
        make_folder(self.log, own_account(), 0o700)

    def secret(self, name: str) -> str:
        """The random secret `name`, made at the first call, in a file that only its owner reads."""
        path = self.root / "secrets" / name
        try:
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            return path.read_text(encoding="ascii")
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(value := secrets.token_urlsafe(32))
        return value

    def lock(self) -> int | None:
        """Become the one who runs this instance's database; None where somebody is. Close the number to end it."""
        handle = os.open(self.root / "supervisor.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(handle)
            return None
        os.ftruncate(handle, 0)
        os.write(handle, str(os.getpid()).encode())
        return handle

    def holder(self) -> str:
        """The process id of whoever holds the lock, for sentences."""
        try:
            return (self.root / "supervisor.lock").read_text(encoding="ascii") or "unknown"
        except OSError:
            return "unknown"


def make_folder(path: Path, owner: Account, mode: int, group: int | None = None) -> None:
    """Make a folder (and missing parents, 0711 for root and 0700 for others) for `owner` with `mode`.

    An existing folder must belong to the owner; its mode is narrowed to `mode` but never widened.
    """
    for missing in reversed([folder for folder in (path, *path.parents) if not folder.exists()]):
        try:
            missing.mkdir(mode=0o711 if os.geteuid() == 0 else 0o700)
        except FileExistsError:
            continue
        except OSError as error:
            raise Unavailable(
                f"The folder {missing} cannot be made: {error.strerror}. Set instance.state_dir to a place of yours.",
                code="state_folder",
            ) from None
        if missing == path:
            os.chown(path, owner.uid, owner.gid if group is None else group)
            path.chmod(mode)  # the umask may have narrowed it, and setgid needs a call of its own
    facts = path.lstat()
    if not stat.S_ISDIR(facts.st_mode) or facts.st_uid != owner.uid:
        raise Conflict(
            f"{path} should be a folder of the user '{owner.name}' and is not. Move it away, or set "
            "instance.state_dir to another place.",
            code="state_folder",
        )
    if stat.S_IMODE(facts.st_mode) & ~mode & 0o777:
        path.chmod(stat.S_IMODE(facts.st_mode) & mode)


def hand_over(path: Path, owner: Account, group: int, mode: int) -> None:
    """As root, give a folder of ours and what is in it to another of our users, when users were chosen anew."""
    if os.geteuid() != 0 or not path.is_dir() or path.is_symlink() or path.lstat().st_uid == owner.uid:
        return
    for _, folders, files, handle in os.fwalk(path, follow_symlinks=False):
        for name in (*folders, *files):
            os.chown(name, owner.uid, group, dir_fd=handle, follow_symlinks=False)
    os.chown(path, owner.uid, group, follow_symlinks=False)
    path.chmod(mode)


def remove_folder(path: Path) -> None:
    """Remove a folder of ours that holds nothing worth keeping (a socket's)."""
    shutil.rmtree(path, ignore_errors=True)


def open_log(path: Path) -> int:
    """A log file for a child's output, appended to; what is beyond 10 MB is kept as one older file."""
    with contextlib.suppress(FileNotFoundError):
        if path.stat().st_size > 10_000_000:
            path.replace(path.with_suffix(".log.1"))
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
