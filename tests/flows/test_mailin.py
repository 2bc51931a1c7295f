"""The door for returned mail, over real sockets."""

from __future__ import annotations

import dataclasses
import smtplib
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from broker.feedback.read_inbound import read_inbound
from broker.feedback.receive_inbound import open_inbound
from broker.kernel.database import Database, make_engine
from broker.kernel.errors import SettingsError
from broker.kernel.settings import MailinSettings, MailSettings, Settings
from broker.operate.mail_sink import SunkMessage
from broker.operate.processes.maildir import check_maildir, read_maildir, read_maildir_quietly
from broker.operate.returned_mail import bounce_report
from tests.flows.running_doors import RunningMailin
from tests.store.feedback_scene import Scene, make_scene
from tests.unit.rings import worker_ring

WORKER = worker_ring()
FRONT = WORKER.front
ADDRESS = "camille.durand@boite.example"
SETTINGS = Settings(mail=MailSettings(bounce_domain="bounce.test"), mailin=MailinSettings(port=0, max_message_kb=64))


@pytest.fixture
def door(public_engine: Engine) -> Iterator[RunningMailin]:
    running = RunningMailin(Database(public_engine), FRONT, SETTINGS)
    yield running
    running.close()


@pytest.fixture
def client(door: RunningMailin) -> Iterator[smtplib.SMTP]:
    with smtplib.SMTP("127.0.0.1", door.port, "mx.test", timeout=10) as client:
        yield client


@pytest.fixture
def scene(admin_engine: Engine) -> Scene:
    return make_scene(admin_engine)


def sunk(scene: Scene, position: int) -> SunkMessage:
    return SunkMessage(
        f"b-{scene.token(FRONT, 'bounce', position)}@bounce.test", (ADDRESS,), b"Subject: Offre\r\n\r\nBonjour\r\n"
    )


def newest_inbound(scene: Scene) -> tuple[int, bytes]:
    ((number, sealed),) = scene.all("SELECT id, sealed FROM inbound ORDER BY id DESC LIMIT 1")
    assert isinstance(number, int)
    assert isinstance(sealed, bytes)
    return number, sealed


def sealed(scene: Scene, number: object) -> bytes:
    ((found,),) = scene.all("SELECT sealed FROM inbound WHERE id = :id", id=number)
    assert isinstance(found, bytes)
    return found


def test_a_bounce_handed_over_by_smtp_is_sealed_at_rest_then_takes_effect(
    scene: Scene, client: smtplib.SMTP, worker_engine: Engine
) -> None:
    mail = sunk(scene, 1)
    client.sendmail("", [mail.mail_from], bounce_report(mail, dead=True))
    number, sealed = newest_inbound(scene)
    assert ADDRESS.encode() not in sealed
    assert b"boite" not in sealed
    jobs = scene.all(
        "SELECT task_name FROM jobs.procrastinate_jobs WHERE args ->> 'row_id' = CAST(:id AS text)"
        " AND task_name = 'read_inbound'",
        id=number,
    )
    assert jobs == [("read_inbound",)]
    read_inbound(Database(worker_engine), WORKER, SETTINGS, number, lambda unit, mailing, keys: None)
    assert scene.state(1) == ("accepted", True, "5.1.1")
    assert scene.suppressions(1) == [("everywhere", 0, 0, "hard_bounce")]


def test_lines_longer_than_the_standard_allows_are_taken(scene: Scene, client: smtplib.SMTP) -> None:
    mail = sunk(scene, 1)
    client.sendmail("", [mail.mail_from], b"Subject: x\r\n\r\n" + b"y" * 5000 + b"\r\n")
    assert newest_inbound(scene)[1]


@pytest.mark.parametrize(
    "recipient",
    [
        "somebody@bounce.test",
        "b-{bounce}@elsewhere.test",
        "b-{changed}@bounce.test",
        "u-{bounce}@bounce.test",
        "bounce.test",
    ],
)
def test_only_our_own_addresses_are_taken(scene: Scene, client: smtplib.SMTP, recipient: str) -> None:
    token = scene.token(FRONT, "bounce", 1)
    changed = ("b" if token[5] == "a" else "a").join((token[:5], token[6:]))
    client.ehlo()
    client.mail("")
    assert client.rcpt(recipient.format(bounce=token, changed=changed))[0] == 550


def test_the_desk_for_complaints_and_addresses_in_capitals_are_taken(scene: Scene, client: smtplib.SMTP) -> None:
    client.ehlo()
    client.mail("")
    for recipient in ("fbl@bounce.test", f"U-{scene.token(FRONT, 'leave', 1)}@Bounce.Test".upper()):
        assert client.rcpt(recipient)[0] == 250


def test_a_message_over_the_limit_is_refused_and_not_kept(scene: Scene, client: smtplib.SMTP) -> None:
    before = scene.all("SELECT count(*) FROM inbound")
    mail = sunk(scene, 1)
    with pytest.raises(smtplib.SMTPSenderRefused) as announced:  # told by SIZE before it is sent
        client.sendmail("", [mail.mail_from], b"x" * 70_000)
    assert announced.value.smtp_code == 552
    client.mail("")
    client.rcpt(mail.mail_from)
    assert client.data(b"Subject: x\r\n\r\n" + (b"y" * 70 + b"\r\n") * 1024)[0] == 552
    assert scene.all("SELECT count(*) FROM inbound") == before


def test_a_message_that_cannot_be_kept_is_to_be_sent_again(scene: Scene) -> None:
    door = RunningMailin(Database(make_engine("postgresql://nobody@127.0.0.1:1/none")), FRONT, SETTINGS)
    try:
        with (
            smtplib.SMTP("127.0.0.1", door.port, timeout=10) as client,
            pytest.raises(smtplib.SMTPDataError) as refused,
        ):
            client.sendmail("", [sunk(scene, 1).mail_from], b"Subject: x\r\n\r\n")
        assert refused.value.smtp_code == 451
    finally:
        door.close()


def test_lmtp_answers_once_for_each_recipient(scene: Scene, door: RunningMailin) -> None:
    with socket.create_connection(("127.0.0.1", door.port), timeout=10) as plug, plug.makefile("rwb") as line:

        def ask(command: str) -> bytes:
            line.write(command.encode() + b"\r\n")
            line.flush()
            while (reply := line.readline())[3:4] == b"-":
                pass
            return reply

        assert line.readline().startswith(b"220")
        assert ask("LHLO mx.test").startswith(b"250")
        assert ask("MAIL FROM:<>").startswith(b"250")
        for position in (1, 2):
            assert ask(f"RCPT TO:<{sunk(scene, position).mail_from}>").startswith(b"250")
        assert ask("DATA").startswith(b"354")
        assert ask("Subject: x\r\n\r\nhello\r\n.").startswith(b"250")
        assert line.readline().startswith(b"250")
        newest = scene.all("SELECT id FROM inbound ORDER BY id DESC LIMIT 2")
        assert len({open_inbound(WORKER, sealed(scene, number))[0][0] for (number,) in newest}) == 2
        assert ask("QUIT").startswith(b"221")


def test_a_person_may_answer_the_sender_that_the_mail_shows(client: smtplib.SMTP, scene: Scene) -> None:
    letter = b"From: <a@b.example>\r\nSubject: Re: Offre\r\n\r\nBonjour\r\n"
    client.sendmail("a@b.example", [f"{scene.base_code}@{SETTINGS.mail.sending_domain}"], letter)
    number, kept = newest_inbound(scene)
    assert open_inbound(WORKER, kept)[1] == letter
    client.sendmail("", [f"{scene.base_code}@{SETTINGS.mail.sending_domain}"], letter)
    later, kept = newest_inbound(scene)
    assert later > number
    assert open_inbound(WORKER, kept)[1] == b"Return-Path: <>\r\n" + letter  # a machine: never answered
    with pytest.raises(smtplib.SMTPRecipientsRefused):
        client.sendmail("a@b.example", [f"Not_A_Code@{SETTINGS.mail.sending_domain}"], letter)


@pytest.fixture
def mailbox(tmp_path: Path) -> Path:
    for part in ("new", "cur", "tmp"):
        (tmp_path / part).mkdir()
    return tmp_path


def test_a_maildir_is_emptied_into_the_same_desk(scene: Scene, public_engine: Engine, mailbox: Path) -> None:
    mail = sunk(scene, 1)
    report = f"Delivered-To: {mail.mail_from}\r\n".encode() + bounce_report(mail, dead=True)
    (mailbox / "new" / "1.a").write_bytes(report)
    (mailbox / "new" / "2.b").write_bytes(b"x" * 100_000)
    database = Database(public_engine)
    assert read_maildir(database, FRONT, mailbox, 64 * 1024) == 1
    assert read_maildir(database, FRONT, mailbox, 64 * 1024) == 0
    assert open_inbound(WORKER, newest_inbound(scene)[1]) == ([mail.mail_from], report)
    assert [path.name for path in sorted(mailbox.glob("*/*"))] == ["2.b:2,"]


def test_a_mailbox_waits_for_the_database(mailbox: Path) -> None:
    (mailbox / "new" / "1.a").write_bytes(b"Subject: x\r\n\r\n")
    away = Database(make_engine("postgresql://nobody@127.0.0.1:1/none"))
    read_maildir_quietly(away, FRONT, mailbox, 64 * 1024)
    assert [path.name for path in mailbox.glob("*/*")] == ["1.a"]


def test_what_is_no_mailbox_is_refused_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="no Maildir"):
        check_maildir(tmp_path)


def test_the_door_reads_its_mailbox_while_it_serves(scene: Scene, public_engine: Engine, mailbox: Path) -> None:
    settings = dataclasses.replace(SETTINGS, mailin=MailinSettings(port=0, maildir=str(mailbox)))
    running = RunningMailin(Database(public_engine), FRONT, settings)
    try:
        (mailbox / "tmp" / "1.a").write_bytes(b"Subject: in the box\r\n\r\n")
        (mailbox / "tmp" / "1.a").rename(mailbox / "new" / "1.a")
        until = time.monotonic() + 20
        while (mailbox / "new" / "1.a").exists() and time.monotonic() < until:
            time.sleep(0.05)
    finally:
        running.close()
    assert open_inbound(WORKER, newest_inbound(scene)[1])[1] == b"Subject: in the box\r\n\r\n"
