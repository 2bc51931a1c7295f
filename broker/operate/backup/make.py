"""Make a backup of an instance, running or not: one moment of the database, and the files that belong to it.

Everything that we write is sealed for the workers' key (uploads are already), so that the set is useless without the
key files, which are kept apart.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from importlib import metadata
from pathlib import Path

from broker.audit.verify import verify
from broker.kernel.database import Database, UnitOfWork, make_engine
from broker.kernel.errors import Conflict, IntegrityFault
from broker.kernel.settings import Settings
from broker.operate.backup import programs, store
from broker.operate.backup.manifest import FORMAT, BackedUpFile, Manifest, write_manifest
from broker.operate.database_server import DatabaseServer
from broker.operate.journal.files import journal_of
from broker.operate.journal.outbox import flush_outbox
from broker.operate.migrate import current, head
from broker.vault.keyring import FRONT_FILE, FRONT_VARIABLE, WORKER_FILE, WORKER_VARIABLE, FrontKeys, load_front
from broker.vault.seal import SealingWriter
from broker.vault.suites import key_id

DATABASE_FILE = "database.dump.sealed"
UPLOADS, SNAPSHOTS, STAGING = "uploads", "snapshots", "staging"
BLOCK = 1 << 20


def backup_seal(path: str) -> str:
    """What a sealed file of a backup is bound to: its place in the set."""
    return f"backup|{path}"


def make_backup(settings: Settings, server: DatabaseServer, out: Path, *, kept: Path | None = None) -> Manifest:
    """Write a backup into the empty folder `out` and return its manifest. `kept` may lie in it already (the keys).

    Raises `Conflict` when `out` holds something, `IntegrityFault` when the audit or a current snapshot is not whole:
    then there is nothing that could be restored in good faith.
    """
    _make_target(out, kept)
    flush_outbox(Database(make_engine(server.url("worker"), 1)), journal_of(settings.journal_dir))
    front = load_front(settings.key_dir)
    copier = _Copier(settings.state_dir, out, front)
    copier.take_all()  # what is destroyed while we work
    url = server.url("admin")
    if current(url) != head():
        raise Conflict(f"The schema is not at step {head()}: run courtier migrate first.", code="schema")
    engine = make_engine(url, 1)
    try:
        with Database(engine.execution_options(isolation_level="REPEATABLE READ")).begin() as unit:
            snapshot = store.export_snapshot(unit)
            copier.take_all()  # what came since
            chain = verify(unit)
            if chain.broken_at is not None:
                raise IntegrityFault(
                    f"The audit is broken at entry {chain.broken_at}: this instance cannot be backed up in good faith.",
                    code="audit_broken",
                )
            _check_complete(unit, out)
            copier.seal(DATABASE_FILE, lambda take: programs.dump(url, snapshot, take))
            facts = store.facts(unit)
            manifest = Manifest(
                format=FORMAT,
                version=metadata.version("courtier"),
                schema=head(),
                instance=facts.instance,
                name=settings.instance.name,
                key=key_id(front.sealing_key).hex(),
                made_at=facts.made_at,
                audit_entries=chain.entries,
                audit_head=chain.head,
                rows=store.count_rows(unit),
                files=tuple(copier.files.values()),
            )
    finally:
        engine.dispose()
    write_manifest(out, manifest)
    return manifest


def copy_keys(settings: Settings, out: Path, keys_out: Path, *, together: bool) -> None:
    """Copy both key files to a folder of their own (0600).

    Raises `Conflict` when that folder lies in the backup's and nobody asked for it: together they are no secret.
    """
    if not together and (keys_out.resolve().is_relative_to(out.resolve()) or out.resolve() == keys_out.resolve()):
        raise Conflict(
            f"{keys_out} lies in the backup's folder: whoever has both reads every address. Choose another place, or"
            " say --keys-with-data.",
            code="keys_with_data",
            field="keys_out",
        )
    if os.environ.get(FRONT_VARIABLE) or os.environ.get(WORKER_VARIABLE):
        raise Conflict(
            "The keys come from the environment here: keep them where the environment gets them from.",
            code="keys_from_environment",
        )
    keys_out.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name in (FRONT_FILE, WORKER_FILE):
        content = (settings.key_dir / name).read_bytes()
        target = keys_out / name
        if target.exists() and target.read_bytes() != content:
            raise Conflict(f"{target} holds other keys: choose another folder.", code="keys_differ", field="keys_out")
        if not target.exists():
            handle = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(handle, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())


def _make_target(out: Path, kept: Path | None) -> None:
    allowed = kept.resolve() if kept else None
    if out.exists() and (
        not out.is_dir() or any(not (allowed and allowed.is_relative_to(one.resolve())) for one in out.iterdir())
    ):
        raise Conflict(f"{out} is there already: name a new or empty folder.", code="not_empty", field="out")
    out.mkdir(mode=0o700, parents=True, exist_ok=True)


def _check_complete(unit: UnitOfWork, out: Path) -> None:
    wanted = [f"{SNAPSHOTS}/{row.file_name}.sealed" for row in store.current_snapshots(unit)]
    wanted += [f"{UPLOADS}/{code}.sealed" for code in store.needed_uploads(unit)]
    wanted += [f"{STAGING}/{import_id}.parquet.sealed" for import_id in store.needed_stagings(unit)]
    for path in wanted:
        if not (out / path).is_file():
            raise IntegrityFault(
                f"{path.removesuffix('.sealed')} is not in the state folder, and the database needs it.",
                code="file_missing",
            )


class _Copier:
    """Copies files into the set, hashing what is written."""

    def __init__(self, state: Path, out: Path, front: FrontKeys) -> None:
        self._state = state
        self._out = out
        self._front = front
        self.files: dict[str, BackedUpFile] = {}

    def take_all(self) -> None:
        """Uploads as they are, snapshots and stagings sealed; what is in the set already is left."""
        for folder, pattern in ((UPLOADS, "*.sealed"), (SNAPSHOTS, "*.parquet"), (STAGING, "*.parquet")):
            for source in sorted((self._state / folder).glob(pattern)):
                if folder == UPLOADS:
                    self._copy(f"{folder}/{source.name}", source)
                else:
                    self._seal_file(f"{folder}/{source.name}.sealed", source)

    def _copy(self, path: str, source: Path) -> None:
        if path in self.files:
            return
        target = self._target(path)
        try:
            shutil.copyfile(source, target)
        except FileNotFoundError:  # its import has ended
            target.unlink(missing_ok=True)
            return
        target.chmod(0o600)
        self._note(path, sealed=False)

    def _seal_file(self, path: str, source: Path) -> None:
        if path in self.files:
            return
        try:
            file = source.open("rb")
        except FileNotFoundError:  # replaced meanwhile
            return
        with file:

            def carry(take: Callable[[bytes], object]) -> None:
                for block in _blocks(file.read):
                    take(block)

            self.seal(path, carry)

    def seal(self, path: str, carry: Callable[[Callable[[bytes], object]], None]) -> None:
        """Write one sealed file from what `carry` hands over."""
        target = self._target(path)
        handle = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "wb") as file:
            writer = SealingWriter(self._front, file, backup_seal(path))
            carry(writer.write)
            writer.close()
            file.flush()
            os.fsync(file.fileno())
        self._note(path, sealed=True)

    def _target(self, path: str) -> Path:
        target = self._out / path
        target.parent.mkdir(mode=0o700, exist_ok=True)
        return target

    def _note(self, path: str, *, sealed: bool) -> None:
        target = self._out / path
        with target.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        self.files[path] = BackedUpFile(path, target.stat().st_size, digest, sealed)


def _blocks(read: Callable[[int], bytes]) -> Iterator[bytes]:
    while block := read(BLOCK):
        yield block
