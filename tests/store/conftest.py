"""Fixtures of the store tests that need keys."""

from __future__ import annotations

from pathlib import Path

import pytest

from broker.vault.keyring import WorkerKeys, create_keys, load_worker


@pytest.fixture(scope="session")
def worker_keys(tmp_path_factory: pytest.TempPathFactory) -> WorkerKeys:
    """A workers' key ring made for this run."""
    folder: Path = tmp_path_factory.mktemp("keys")
    create_keys(folder, "mail.example.test", "s1")
    return load_worker(folder)
