"""The mail door and the public pages on real sockets, in threads of the test."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

from flask import Flask
from werkzeug.serving import make_server

from broker.feedback.journal import Journal
from broker.kernel.database import Database
from broker.kernel.settings import Settings
from broker.operate.processes.mailin import serve
from broker.vault.keyring import FrontKeys
from web.public import public_blueprint


class RunningMailin:
    """A mail door in a thread with a loop of its own; `port` once made, then `close`."""

    def __init__(self, database: Database, front: FrontKeys, settings: Settings) -> None:
        self.port = 0
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(database, front, settings))
        self._thread.start()
        assert self._ready.wait(10)

    def _run(self, database: Database, front: FrontKeys, settings: Settings) -> None:
        def ready(port: int) -> None:
            self.port = port
            self._ready.set()

        self._loop.run_until_complete(serve(database, front, settings, ready, self._stop))
        self._loop.run_until_complete(self._loop.shutdown_default_executor())
        self._loop.close()

    def close(self) -> None:
        """End the door."""
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)


class RunningPages:
    """The public pages behind a threaded development server; `address` is their base."""

    def __init__(self, database: Database, front: FrontKeys, folder: Path) -> None:
        app = Flask("web")
        app.register_blueprint(public_blueprint(database, front, Settings(), Journal(folder)))
        self._server = make_server("127.0.0.1", 0, app, threaded=True)
        self.address = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()

    def close(self) -> None:
        """End the server."""
        self._server.shutdown()
        self._thread.join(10)
        self._server.server_close()
