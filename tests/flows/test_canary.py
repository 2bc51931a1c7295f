"""No raw address leaves: the whole main job, then a search of every byte that exists for planted contacts.

Only the SMTP conversation, the delivered mail and the owner's own source file may hold one.
"""

from __future__ import annotations

import gzip
import os
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import psycopg
import pytest
import requests

from broker.kernel.settings import InstanceSettings, Settings
from broker.operate.demo.cast import OWNER_BASE
from broker.operate.demo.door import PageDoor
from broker.operate.demo.run import run_demo
from broker.operate.demo.scene import Scene
from broker.operate.mail_sink import read_sunk
from broker.operate.postgres_binaries import wheel_binaries
from broker.operate.system import System
from tests.flows.canary import Canaries

pytestmark = [pytest.mark.flow, pytest.mark.slow, pytest.mark.timeout(900)]

NEST = "nest-of-canaries.example"
CANARIES = tuple(f"zq.canary.{number:02d}@{NEST}" for number in range(40))
ROLES = ("owner", "small", "advertiser", "broker", "accountant")
API = "bases cards orders mailings programmes participations invoices reports/revenue ledger/entries".split()
MOST_PAGES = 60


@dataclass
class Caught:
    """What the run showed to people and machines: every HTTP reply, by its address, and a dump of the database."""

    replies: dict[str, bytes] = field(default_factory=dict)
    dump: bytes = b""


def plant(scene: Scene) -> None:
    """Add the canaries to the owners' files: copies of a good row of a woman of forty, with our addresses."""
    for name, birds in (("clients", CANARIES[:30]), ("bijou", CANARIES[30:])):
        file = scene.folder / f"{name}.csv"
        lines = file.read_bytes().decode("cp1252").split("\r\n")
        header = lines[0].split(";")
        column = {
            title: header.index(title) for title in ("Référence client", "Civilité", "Email", "Date de naissance")
        }
        model = next(
            cells
            for cells in (line.split(";") for line in lines[1:])
            if len(cells) == len(header) and all(cells[-5:]) and "@" in cells[column["Email"]]
        )
        for number, bird in enumerate(birds):
            row = list(model)
            row[column["Référence client"]] = f"CANARY{number}"
            row[column["Civilité"]] = "Mme"
            row[column["Email"]] = bird.upper() if number % 2 else bird
            row[column["Date de naissance"]] = "14/03/1986"
            lines.insert(2 + number, ";".join(row))
        file.write_bytes("\r\n".join(lines).encode("cp1252"))


def walk_pages(scene: Scene, role: str) -> Iterator[tuple[str, bytes]]:
    """Every page that a role reaches by links, logged in; and its API."""
    player = scene.cast[role]
    door = PageDoor(scene.address)
    door.log_in(player.email, player.password)
    waiting, seen = ["/"], set[str]()
    while waiting and len(seen) < MOST_PAGES:
        path = waiting.pop(0)
        if path in seen:
            continue
        seen.add(path)
        reply = door.session.get(scene.address + path, timeout=60)
        yield f"{role} {path}", reply.content + str(reply.headers).encode()
        for link in re.findall(r'(?:href|hx-get|src)="(/[^"#]*)"', reply.text):
            clean = urlsplit(urljoin(path, link)).path
            if not clean.startswith(("/static/", "/logout")):
                waiting.append(link.replace("&amp;", "&"))
    headers = {"Authorization": f"Bearer {player.api_key}"}
    for name in API:
        listed = requests.get(f"{scene.address}/api/v1/{name}", headers=headers, timeout=60)
        yield f"{role} api {name}", listed.content + str(listed.headers).encode()
        for code in set(re.findall(r'"code": ?"([a-z0-9_-]+)"', listed.text)):
            one = requests.get(f"{scene.address}/api/v1/{name}/{code}", headers=headers, timeout=60)
            yield f"{role} api {name}/{code}", one.content
    for code in re.findall(r"/imports/([a-z0-9_]+)", " ".join(seen)):
        rejects = requests.get(f"{scene.address}/api/v1/imports/{code}/rejects.csv", headers=headers, timeout=60)
        yield f"{role} rejects {code}", rejects.content


def catch(caught: Caught, scene: Scene, system: System) -> None:
    """Keep every reply and a dump while the system runs."""
    for role in ROLES:
        caught.replies.update(walk_pages(scene, role))
    for path in ("/health", "/metrics", f"/partners/{OWNER_BASE}", "/objection", "/c/wrong", "/u/wrong"):
        reply = requests.get(scene.address + path, timeout=60, allow_redirects=False)
        caught.replies[f"public {path}"] = reply.content + str(reply.headers).encode()
    caught.dump = dump(system.server.url("admin"))


def dump(admin_url: str) -> bytes:
    """The whole database as SQL text."""
    program = wheel_binaries() / "bin" / "pg_dump"
    return subprocess.run(
        [program, "--dbname", admin_url], check=True, capture_output=True, env={**os.environ, "PGAPPNAME": "canary"}
    ).stdout


def test_no_address_is_found_in_any_byte_but_the_mail_itself(scratch: Path) -> None:
    caught = Caught()
    settings = Settings(instance=InstanceSettings(name="canary", state_dir=str(scratch / "canary"), demo=True))
    run_demo(
        settings,
        contacts=2_500,
        volume=1_200,
        seed=5,
        serve=False,
        on_files=plant,
        on_end=lambda scene, system: catch(caught, scene, system),
    )
    state = scratch / "canary"
    delivered = {rcpt.lower() for _, mail in read_sunk(state / "demo" / "sink") for rcpt in mail.rcpt_to}
    assert len(delivered & set(CANARIES)) >= 10, "the canaries must have been mailed, or nothing is proved"

    canaries = Canaries([*CANARIES, *(bird.partition("@")[0] for bird in CANARIES[:3]), NEST])
    allowed = [state / "demo" / "sink", state / "demo" / "clients.csv", state / "demo" / "bijou.csv"]
    leaks = list(canaries.search_tree(state, leave_out=allowed))
    leaks += canaries.search("database dump", caught.dump)
    for place, reply in caught.replies.items():
        leaks += canaries.search(place, reply)
    assert len(caught.replies) > 60
    assert leaks == []


def test_a_planted_leak_is_found_in_a_log_and_in_the_database(database_url_of_a_leak: str, tmp_path: Path) -> None:
    canaries = Canaries(CANARIES[:2])
    (tmp_path / "web.log.gz").write_bytes(gzip.compress(f"GET /?to={CANARIES[0].replace('@', '%40')}".encode()))
    assert list(canaries.search_tree(tmp_path))
    assert list(canaries.search("dump", dump(database_url_of_a_leak)))


@pytest.fixture
def database_url_of_a_leak(database: object) -> Iterator[str]:
    """A migrated database in which somebody wrote an address where none belongs."""
    admin = database.url("admin")  # type: ignore[attr-defined]
    with psycopg.connect(admin, autocommit=True) as connection:
        connection.execute("INSERT INTO organisation (code, kind, name) VALUES ('leak', 'owner', %s)", (CANARIES[1],))
        yield admin
        connection.execute("DELETE FROM organisation WHERE code = 'leak'")
