"""A front of one page in a process of its own: `python web_stub.py PORT`, for tests that kill it."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable
from typing import Any

from broker.kernel.settings import Settings, WebSettings
from broker.operate.processes import web


def create_app(settings: Settings) -> Callable[[dict[str, Any], Any], Iterable[bytes]]:
    def page(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [str(os.getpid()).encode()]

    return page


serve_app = create_app

if __name__ == "__main__":
    web.APPLICATION = "__main__"
    web.run(Settings(web=WebSettings(port=int(sys.argv[1]), workers=2)))
