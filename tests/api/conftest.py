"""The front of the tests of the API."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import Engine

from tests.front_house import House, open_house


@pytest.fixture(scope="module")
def house(scratch: Path, web_engine: Engine, public_engine: Engine, worker_engine: Engine) -> House:
    """Pages and API over the test database."""
    return open_house(scratch, web_engine, public_engine, worker_engine)
