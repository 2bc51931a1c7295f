"""The users that processes run as.

As root the database server, the front and the workers have a system user each, made when missing, so that none reads
another's keys. An ordinary user cannot change user: everything then runs as that user.
"""

from __future__ import annotations

import grp
import os
import pwd
import shutil
import stat
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from broker.kernel.errors import Unavailable

GROUP = "courtier"


@dataclass(frozen=True, slots=True)
class Account:
    """A user of the system; `shared_gid` is the group that lets several of ours reach one socket."""

    name: str
    uid: int
    gid: int
    shared_gid: int | None = None

    @property
    def changes_user(self) -> bool:
        """Whether a process has to drop privileges to become this account."""
        return self.uid != os.geteuid()

    def popen_arguments(self) -> dict[str, Any]:
        """What `subprocess` needs to start a process as this account."""
        if not self.changes_user:
            return {}
        groups = [] if self.shared_gid is None else [self.shared_gid]
        return {"user": self.uid, "group": self.gid, "extra_groups": groups}


def own_account() -> Account:
    """The invoking user."""
    uid = os.geteuid()
    try:
        name = pwd.getpwuid(uid).pw_name
    except KeyError:  # a container's number without a name
        name = str(uid)
    return Account(name, uid, os.getegid())


def system_account(name: str) -> Account:
    """As root, the system user `name`, made if missing; for anybody else, the invoking user."""
    if os.geteuid() != 0:
        return own_account()
    try:
        gid = grp.getgrnam(GROUP).gr_gid
    except KeyError:
        _make("groupadd", "--system", GROUP)
        gid = grp.getgrnam(GROUP).gr_gid
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        home = ("--no-create-home", "--home-dir", "/nonexistent", "--shell", "/usr/sbin/nologin")
        _make("useradd", "--system", "--user-group", *home, "--groups", GROUP, name)
        entry = pwd.getpwnam(name)
    return Account(name, entry.pw_uid, entry.pw_gid, gid)


def _make(tool: str, *arguments: str) -> None:
    path = shutil.which(tool) or shutil.which(tool, path="/usr/sbin:/sbin")
    if path is None:
        raise Unavailable(
            f"The server must not run as root, and this system has no {tool} to make the user '{arguments[-1]}'. "
            "Make it by hand, or run courtier as an ordinary user.",
            code="no_service_user",
        )
    done = subprocess.run([path, *arguments], capture_output=True, text=True, check=False)
    if done.returncode not in (0, 9):  # 9: somebody else made it in the meantime
        why = done.stderr.strip().splitlines()[-1:] or ["no reason given"]
        raise Unavailable(
            f"The user or group '{arguments[-1]}' could not be made: {why[0]}. Make it by hand, or run courtier as an "
            "ordinary user.",
            code="no_service_user",
        )


def can_enter(path: Path, account: Account) -> bool:
    """Whether the account may pass through `path` and all folders above it."""
    groups = {account.gid, account.shared_gid}
    for folder in (path, *path.parents):
        facts = folder.stat()
        if facts.st_uid == account.uid:
            bit = stat.S_IXUSR
        elif facts.st_gid in groups:
            bit = stat.S_IXGRP
        else:
            bit = stat.S_IXOTH
        if not facts.st_mode & bit:
            return False
    return True


def can_run_code(account: Account, config: Path | None) -> bool:
    """Whether the account can run this very program and read its settings file.

    Tried rather than reasoned about: the interpreter, the environment and the clone may each lie in a private home.
    """
    if not account.changes_user:
        return True
    lines = ["import broker.operate.processes, broker.kernel.settings, sqlalchemy"]
    if config is not None:
        lines.append(f"open({str(config.absolute())!r}, 'rb').read()")
    try:
        done = subprocess.run(
            [sys.executable, "-c", "; ".join(lines)],
            cwd="/",
            env={"PATH": os.defpath, "PYTHONDONTWRITEBYTECODE": "1"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=False,
            **account.popen_arguments(),
        )
    except OSError:
        return False
    return done.returncode == 0
