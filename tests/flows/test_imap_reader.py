"""A mailbox on somebody's IMAP server is emptied into the desk, each message once."""

from __future__ import annotations

import dataclasses

import pytest
from sqlalchemy import Engine

from broker.feedback.read_inbound import read_inbound
from broker.kernel.database import Database, make_engine
from broker.kernel.errors import SettingsError, Unavailable
from broker.kernel.settings import MailinSettings, MailSettings, Settings
from broker.operate.mail_sink import SunkMessage
from broker.operate.processes.imap import PASSWORD, check_imap, read_imap, read_imap_quietly
from broker.operate.returned_mail import bounce_report
from tests.flows.imap_server import Folder, imap_server
from tests.store.feedback_scene import Scene, make_scene
from tests.unit.rings import worker_ring

WORKER = worker_ring()
FRONT = WORKER.front
ADDRESS = "camille.durand@boite.example"
MOST = 64 * 1024


@pytest.fixture
def scene(admin_engine: Engine) -> Scene:
    return make_scene(admin_engine)


@pytest.fixture(autouse=True)
def password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PASSWORD, "secret")


def returned(scene: Scene, position: int) -> bytes:
    path = f"b-{scene.token(FRONT, 'bounce', position)}@bounce.test"
    mail = SunkMessage(path, (ADDRESS,), b"Subject: Offre\r\n\r\nBonjour\r\n")
    return f"Delivered-To: {path}\r\n".encode() + bounce_report(mail, dead=True)


def inbound(scene: Scene) -> list[int]:
    return [row[0] for row in scene.all("SELECT id FROM inbound ORDER BY id")]


def settings(port: int, **values: object) -> MailinSettings:
    plain = MailinSettings(imap_host="127.0.0.1", imap_port=port, imap_user="bounces", imap_tls=False)
    return dataclasses.replace(plain, **values)  # type: ignore[arg-type]


@pytest.mark.parametrize("uidplus", [True, False])
def test_a_mailbox_is_emptied_and_what_was_in_it_takes_effect(
    scene: Scene, public_engine: Engine, worker_engine: Engine, uidplus: bool
) -> None:
    folder, before = Folder(uidplus=uidplus), len(inbound(scene))
    folder.add(returned(scene, 1))
    with imap_server(INBOX=folder) as port:
        assert read_imap(Database(public_engine), FRONT, settings(port), MOST) == 1
        assert read_imap(Database(public_engine), FRONT, settings(port), MOST) == 0
    assert not folder.messages
    (number,) = inbound(scene)[before:]
    ((sealed,),) = scene.all("SELECT sealed FROM inbound WHERE id = :id", id=number)
    assert isinstance(sealed, bytes)
    assert ADDRESS.encode() not in sealed
    whole = Settings(mail=MailSettings(bounce_domain="bounce.test"))
    read_inbound(Database(worker_engine), WORKER, whole, number, lambda unit, mailing, sends: None)
    assert scene.all("SELECT kind, verdict FROM inbound WHERE id = :id", id=number) == [("bounce", "hard")]
    assert scene.all("SELECT key FROM mailbox_taken") == []


@pytest.mark.parametrize("moment", ["UID STORE", "UID EXPUNGE"])
def test_a_death_between_taking_and_removing_takes_nothing_twice(
    scene: Scene, public_engine: Engine, moment: str
) -> None:
    folder, before = Folder(dies_before=moment), len(inbound(scene))
    folder.add(returned(scene, 1))
    with imap_server(INBOX=folder) as port:
        with pytest.raises(Unavailable):
            read_imap(Database(public_engine), FRONT, settings(port), MOST)
        assert len(folder.messages) == 1
        folder.dies_before = ""
        assert read_imap(Database(public_engine), FRONT, settings(port), MOST) == 0
    assert not folder.messages
    assert len(inbound(scene)) == before + 1


def test_nothing_is_removed_that_was_not_kept(scene: Scene, public_engine: Engine) -> None:
    folder = Folder()
    folder.add(returned(scene, 1))
    away = Database(make_engine("postgresql://courtier_public@127.0.0.1:1/none"))
    with imap_server(INBOX=folder) as port:
        read_imap_quietly(away, FRONT, settings(port), MOST)
        assert list(folder.messages) == [1]
        folder.dies_before = "UID FETCH"
        read_imap_quietly(Database(public_engine), FRONT, settings(port), MOST)
    assert list(folder.messages) == [1]


def test_what_is_too_large_is_flagged_and_left(scene: Scene, public_engine: Engine) -> None:
    folder, before = Folder(), len(inbound(scene))
    folder.add(b"Subject: x\r\n\r\n" + b"a" * 2_000)
    folder.add(returned(scene, 2))
    with imap_server(INBOX=folder) as port:
        assert read_imap(Database(public_engine), FRONT, settings(port), 1_900) == 1
        assert read_imap(Database(public_engine), FRONT, settings(port), 1_900) == 0
    assert folder.flags == {1: {"Flagged"}}
    assert len(inbound(scene)) == before + 1


@pytest.mark.parametrize(
    ("values", "code"), [({"imap_folder": "Elsewhere"}, "imap_no_folder"), ({"imap_port": 1}, "imap_unreachable")]
)
def test_a_mailbox_that_cannot_be_read_is_a_sentence(
    public_engine: Engine, values: dict[str, object], code: str
) -> None:
    with imap_server(INBOX=Folder()) as port, pytest.raises(Unavailable) as refused:
        read_imap(Database(public_engine), FRONT, settings(port, **values), MOST)
    assert refused.value.code == code


def test_a_wrong_password_is_a_sentence(public_engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PASSWORD, "wrong")
    with imap_server(INBOX=Folder()) as port, pytest.raises(Unavailable) as refused:
        read_imap(Database(public_engine), FRONT, settings(port), MOST)
    assert refused.value.code == "imap_refused"


def test_settings_that_can_never_work_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SettingsError, match="imap_user"):
        check_imap(settings(993, imap_user=""))
    monkeypatch.delenv(PASSWORD)
    with pytest.raises(SettingsError, match=PASSWORD):
        check_imap(settings(993))
