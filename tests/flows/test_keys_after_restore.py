"""The folder of keys is passable for the service users whatever left it closed; the files stay closed to others."""

from __future__ import annotations

import dataclasses
import os
import secrets
from pathlib import Path

import pytest

from broker.kernel.settings import InstanceSettings, Settings
from broker.operate.keys import prepare_keys
from broker.operate.service_users import Account
from broker.vault.keyring import create_keys


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has service users")
def test_a_closed_folder_of_keys_is_opened_for_the_service_users(scratch: Path) -> None:
    state = scratch / f"keys-{secrets.token_hex(4)}"
    settings = dataclasses.replace(Settings(), instance=InstanceSettings(state_dir=str(state)))
    create_keys(settings.key_dir, "mail.courtier.test", "c2026")
    settings.key_dir.chmod(0o700)
    front, worker = Account("front", 60_001, 60_001), Account("worker", 60_002, 60_002)
    prepare_keys(settings, front, worker)
    assert settings.key_dir.stat().st_mode & 0o777 == 0o711
    modes = {
        name: ((settings.key_dir / name).stat().st_uid, (settings.key_dir / name).stat().st_mode & 0o777)
        for name in ("front.json", "worker.json")
    }
    assert modes == {"front.json": (60_001, 0o640), "worker.json": (60_002, 0o600)}
