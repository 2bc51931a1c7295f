"""The key files of an instance: made at the first start, each readable by those who need it and nobody else."""

from __future__ import annotations

import os

from broker.kernel.settings import Settings
from broker.operate.service_users import Account, own_account
from broker.operate.state import make_folder
from broker.vault.keyring import FRONT_FILE, WORKER_FILE, create_keys


def prepare_keys(settings: Settings, front: Account, worker: Account) -> None:
    """Make missing key files and hand them to the accounts.

    The front reads `front.json`, workers read both. A folder that the operator chose (`keys.dir`) keeps the owners
    and modes that the operator gave it.
    """
    folder = settings.key_dir.absolute()
    separate = front.uid != worker.uid
    if not settings.keys.dir:
        mode = 0o711 if separate else 0o700
        make_folder(folder, own_account(), mode)
        if os.geteuid() == 0:
            folder.chmod(mode)  # one that a restore, or a start without separate users, has left closed
    create_keys(folder, settings.mail.sending_domain, settings.mail.dkim_selector)
    if settings.keys.dir or os.geteuid() != 0:
        return
    # The folder is root's, so nobody else can have put a link in the place of these files.
    for name, owner, mode in (
        (FRONT_FILE, front, 0o640 if separate else 0o600),
        (WORKER_FILE, worker, 0o600),
    ):
        handle = os.open(folder / name, os.O_RDONLY | os.O_NOFOLLOW)
        try:
            os.fchown(handle, owner.uid, worker.gid)
            os.fchmod(handle, mode)
        finally:
            os.close(handle)
