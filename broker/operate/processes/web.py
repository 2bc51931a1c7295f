"""The front: pages, API and public doors, served by granian."""

from __future__ import annotations

import importlib
import os
import signal
from functools import partial
from typing import Any

from granian.constants import Interfaces
from granian.log import LogLevels
from granian.server import Server

from broker.kernel.log import configure_logging
from broker.kernel.settings import Settings
from broker.operate.parent_death import die_with_parent
from broker.operate.system import check_port_free

APPLICATION = "web.app"  # a name and no import: the domain does not know the web


def run(settings: Settings) -> None:
    """Serve until SIGTERM. The settings carry the addresses of the roles `web` and `public` and no other."""
    configure_logging("web")
    check_port_free(settings.web.host, settings.web.port, "web.port")
    # Made once here, where what is missing ends in a sentence; serving processes would fail in turn and be restarted.
    make_application(settings)
    server = Server(
        target=APPLICATION,
        address=settings.web.host,
        port=settings.web.port,
        interface=Interfaces.WSGI,
        workers=settings.web.workers,
        blocking_threads=8,
        backpressure=256,
        websockets=False,
        log_level=LogLevels.error,
        log_access=False,  # paths hold tokens of persons
        respawn_failed_workers=True,
        workers_kill_timeout=15,
    )
    server.serve(target_loader=partial(load_application, settings, os.getpid()), wrap_loader=False)


def load_application(settings: Settings, parent: int) -> Any:
    """In a serving process: end at once when the main one is killed, and make the WSGI application."""
    die_with_parent(signal.SIGKILL, parent)()  # left behind, it would keep the port
    configure_logging("web")
    return importlib.import_module(APPLICATION).serve_app(settings)


def make_application(settings: Settings) -> Any:
    """The WSGI application of pages and API."""
    return importlib.import_module(APPLICATION).create_app(settings)
