"""The whole front in processes of its own: `python click_server.py PORT STATE_DIR WEB_URL PUBLIC_URL`."""

from __future__ import annotations

import sys

from broker.kernel.settings import DatabaseSettings, InstanceSettings, Settings, WebSettings
from broker.operate.processes import web

if __name__ == "__main__":
    _, port, state_dir, web_url, public_url = sys.argv
    web.run(
        Settings(
            instance=InstanceSettings(state_dir=state_dir, demo=True),
            database=DatabaseSettings(web_url=web_url, public_url=public_url),
            web=WebSettings(port=int(port), workers=2),
        )
    )
