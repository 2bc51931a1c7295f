"""The demo's own instance: a fresh state folder, a settings file that every other command can use, free ports."""

from __future__ import annotations

import dataclasses
import os
import shutil
import socket
from contextlib import closing
from pathlib import Path

from broker.kernel.errors import Conflict, SettingsError
from broker.kernel.settings import DisclosureSettings, InstanceSettings, Settings, WebSettings, load_settings
from broker.operate.state import State

WANTED_CONTACTS = 125_000
SMALL_BASE_CONTACTS = 12_000
SETTINGS_FILE = "courtier.toml"


def fresh_demo(given: Settings, contacts: int) -> Settings:
    """Remove what an earlier demo left, write the settings file of this one and return its settings.

    Given settings (`--config`) must be flagged `demo = true`: everything in their state folder is removed. The
    publication floor is lowered in proportion when `contacts` cannot reach the legal one (docs/decisions/0003).
    """
    if given.source is not None and not given.instance.demo:
        raise SettingsError(
            f"{given.source}: instance.demo is false. The demo starts by removing the instance's data, so it runs only "
            "where demo = true.",
            field="instance.demo",
        )
    base = given if given.instance.demo else Settings(instance=InstanceSettings(name="demo", demo=True))
    root = base.state_dir.absolute()
    _clear(State(root))
    legal = DisclosureSettings()
    few = contacts < WANTED_CONTACTS * 4 // 5
    scaled = max(200, contacts * 3 // 5) if few else legal.publication_floor_b2c
    settings = dataclasses.replace(
        base,
        instance=dataclasses.replace(base.instance, state_dir=str(root)),
        web=_with_free_port(base),
        mailin=dataclasses.replace(base.mailin, port=_free_port(base.mailin.port)),
        mail=dataclasses.replace(
            base.mail, relays=(dataclasses.replace(base.mail.relays[0], port=_free_port(base.mail.relays[0].port)),)
        ),
        payment=dataclasses.replace(base.payment, gateway="fake"),
        disclosure=dataclasses.replace(
            base.disclosure,
            publication_floor_b2c=scaled,
            smallest_count=min(legal.smallest_count, max(50, contacts // 30)),
            difference_threshold=min(legal.difference_threshold, max(20, contacts // 150)),
        ),
        trade=dataclasses.replace(
            base.trade,
            minimum_order=min(base.trade.minimum_order, max(50, contacts // 30)),
            vat_register="fake",
        ),
        source=root / SETTINGS_FILE,
    )
    State(root).make()
    assert settings.source is not None
    settings.source.write_text(_toml(settings), encoding="utf-8")
    # Service users read it; no secret stands in it.
    settings.source.chmod(0o644 if os.geteuid() == 0 else 0o600)
    return load_settings(settings.source)


def _clear(state: State) -> None:
    if not state.root.exists():
        return
    mark = state.root / SETTINGS_FILE
    if not mark.exists() and any(state.root.iterdir()) and not (state.root / "postgres").exists():
        raise Conflict(
            f"{state.root} holds files that no demo wrote. Move them away, or set instance.state_dir to another place.",
            code="state_folder",
        )
    handle = state.lock()
    if handle is None:
        raise Conflict(
            f"Another demo (process {state.holder()}) is running. Stop it with Ctrl-C in its terminal first.",
            code="already_running",
        )
    try:
        shutil.rmtree(state.root)
    finally:
        os.close(handle)


def _with_free_port(base: Settings) -> WebSettings:
    port = _free_port(base.web.port)
    return dataclasses.replace(base.web, port=port, public_url=f"http://{base.web.host}:{port}")


def _free_port(wanted: int) -> int:
    """The wanted port of the loopback, or any free one: a demo should not fail because 8420 is taken."""
    for port in (wanted, 0):
        with closing(socket.socket()) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise Conflict("No port of 127.0.0.1 is free.", code="port_in_use")


def _toml(settings: Settings) -> str:
    """The settings that differ from the defaults, as TOML."""
    lines = ["# Written by `courtier demo`. Use it with: courtier --config THIS_FILE COMMAND", ""]
    default = Settings()
    for section in dataclasses.fields(Settings):
        value, usual = getattr(settings, section.name), getattr(default, section.name)
        if section.name == "source" or value == usual:
            continue
        lines.append(f"[{section.name}]")
        tables: list[str] = []
        for item in dataclasses.fields(value):
            new = getattr(value, item.name)
            if isinstance(new, tuple) and all(dataclasses.is_dataclass(row) for row in new):
                for row in new:
                    tables.append(f"[[{section.name}.{item.name}]]")
                    tables += [f"{f.name} = {_literal(getattr(row, f.name))}" for f in dataclasses.fields(row)]
            elif new != getattr(usual, item.name):
                lines.append(f"{item.name} = {_literal(new)}")
        lines += [*tables, ""]
    return "\n".join(lines)


def _literal(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        return f"[{', '.join(_literal(one) for one in value)}]"
    if isinstance(value, int):
        return str(value)
    escaped = str(value).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def demo_folder(settings: Settings) -> Path:
    """Where the demo writes its input files and the sink keeps what it receives."""
    return settings.state_dir / "demo"
