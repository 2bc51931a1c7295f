"""What comes back from a mailing: returned mail, hits, wishes to leave, typed addresses."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import ProgrammingError

from broker.feedback.classify_hits import ask_for_classification, classify_hits, forget_hit_sources
from broker.feedback.leave import leave
from broker.feedback.match_request import match_request
from broker.feedback.object_by_address import object_by_address
from broker.feedback.read_inbound import read_inbound
from broker.feedback.receive_inbound import receive_inbound
from broker.feedback.record_click import record_click
from broker.kernel.actor import PUBLIC
from broker.kernel.database import Database, UnitOfWork
from broker.kernel.errors import InvalidInput, NotFound
from broker.kernel.settings import Settings
from broker.operate.mail_sink import SunkMessage
from broker.operate.returned_mail import absence_notice, bounce_report
from broker.vault.blind_index import contact_keys
from broker.vault.tokens import TokenRef
from tests.store.feedback_scene import Scene, make_scene
from tests.unit.rings import worker_ring

WORKER = worker_ring(peppers={1: b"p" * 32, 2: b"q" * 32})
FRONT = WORKER.front
SETTINGS = Settings()
ADDRESS = "camille.durand@boite.example"
BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:143.0) Gecko/20100101 Firefox/143.0"


class Bill:
    """Stands where billing does: remembers what was taken off the bill."""

    def __init__(self) -> None:
        self.reversed: list[tuple[int, int]] = []

    def __call__(self, unit: UnitOfWork, mailing_id: int, keys: Sequence[tuple[int, int]]) -> None:
        self.reversed += keys


@pytest.fixture
def scene(admin_engine: Engine) -> Scene:
    return make_scene(admin_engine)


@pytest.fixture
def public(public_engine: Engine) -> Database:
    return Database(public_engine)


@pytest.fixture
def worker(worker_engine: Engine) -> Database:
    return Database(worker_engine)


def sunk(scene: Scene, position: int) -> SunkMessage:
    message_id = scene.token(FRONT, "message", position)
    raw = f"Message-ID: <{message_id}@mail.test>\r\nTo: <{ADDRESS}>\r\nSubject: Offre\r\n\r\nBonjour\r\n"
    return SunkMessage(f"b-{scene.token(FRONT, 'bounce', position)}@bounce.test", (ADDRESS,), raw.encode())


def come_back(public: Database, recipients: list[str], raw: bytes) -> int:
    with public.begin(PUBLIC) as unit:
        return receive_inbound(unit, FRONT, recipients, raw)


def inbound(scene: Scene, number: int) -> tuple[object, ...]:
    (row,) = scene.all("SELECT sealed IS NULL, kind, verdict, status, position FROM inbound WHERE id = :id", id=number)
    return row


@pytest.mark.parametrize("table", ["hit", "opt_out", "inbound", "typed_request", "suppression", "send", "contact"])
def test_the_public_role_reads_and_writes_no_table(public_engine: Engine, table: str) -> None:
    for statement in (f"SELECT 1 FROM {table}", f"DELETE FROM {table}"):
        with public_engine.connect() as connection, pytest.raises(ProgrammingError, match="permission denied"):
            connection.execute(text(statement))


def test_a_hard_bounce_marks_the_send_reverses_it_and_stops_the_address(
    scene: Scene, public: Database, worker: Database
) -> None:
    mail, bill = sunk(scene, 1), Bill()
    number = come_back(public, [mail.mail_from], bounce_report(mail, dead=True))
    read_inbound(worker, WORKER, SETTINGS, number, bill)
    assert scene.state(1) == ("accepted", True, "5.1.1")
    assert bill.reversed == [(scene.dispatch_id, 1)]
    assert scene.suppressions(1) == [("everywhere", 0, 0, "hard_bounce")]
    assert inbound(scene, number) == (True, "bounce", "hard", "5.1.1", 1)


def test_the_same_bounce_read_twice_or_sent_twice_counts_once(scene: Scene, public: Database, worker: Database) -> None:
    mail, bill = sunk(scene, 1), Bill()
    report = bounce_report(mail, dead=True)
    for number in (come_back(public, [mail.mail_from], report), come_back(public, [mail.mail_from], report)):
        read_inbound(worker, WORKER, SETTINGS, number, bill)
        read_inbound(worker, WORKER, SETTINGS, number, bill)
    assert bill.reversed == [(scene.dispatch_id, 1)]


def test_a_soft_bounce_is_not_billed_and_stops_nothing(scene: Scene, public: Database, worker: Database) -> None:
    mail, bill = sunk(scene, 2), Bill()
    read_inbound(worker, WORKER, SETTINGS, come_back(public, [mail.mail_from], bounce_report(mail, dead=False)), bill)
    assert scene.state(2) == ("accepted", True, "5.2.2")
    assert bill.reversed == [(scene.dispatch_id, 2)]
    assert scene.suppressions(2) == []


def test_after_the_mailing_is_closed_a_bounce_changes_nothing_in_the_money(
    scene: Scene, public: Database, worker: Database
) -> None:
    scene.change("UPDATE mailing SET closed_at = app_now() WHERE id = :mailing")
    mail, bill = sunk(scene, 1), Bill()
    read_inbound(worker, WORKER, SETTINGS, come_back(public, [mail.mail_from], bounce_report(mail, dead=True)), bill)
    assert scene.state(1) == ("accepted", True, "5.1.1")
    assert bill.reversed == []
    assert scene.suppressions(1) == [("everywhere", 0, 0, "hard_bounce")]


def test_a_bounce_proves_that_an_uncertain_send_left_and_bills_nothing(
    scene: Scene, public: Database, worker: Database
) -> None:
    scene.change("UPDATE send SET state = 'uncertain' WHERE dispatch_id = :dispatch AND position = 3")
    mail, bill = sunk(scene, 3), Bill()
    read_inbound(worker, WORKER, SETTINGS, come_back(public, [mail.mail_from], bounce_report(mail, dead=True)), bill)
    assert scene.state(3) == ("accepted", True, "5.1.1")
    assert bill.reversed == []


def test_after_closing_a_bounce_is_dated_later_and_an_uncertain_send_stays_so(
    scene: Scene, public: Database, worker: Database
) -> None:
    scene.change("UPDATE send SET state = 'uncertain' WHERE dispatch_id = :dispatch AND position = 3")
    scene.change("UPDATE mailing SET closed_at = app_now() + interval '1 hour' WHERE id = :mailing")
    for position in (2, 3):
        mail = sunk(scene, position)
        read_inbound(
            worker, WORKER, SETTINGS, come_back(public, [mail.mail_from], bounce_report(mail, dead=True)), Bill()
        )
    assert scene.state(3) == ("uncertain", False, None)
    assert scene.suppressions(3) == [("everywhere", 0, 0, "hard_bounce")]
    dated = "SELECT s.bounced_at > m.closed_at FROM send s JOIN mailing m ON m.id = s.mailing_id"
    assert scene.all(f"{dated} WHERE m.id = :mailing AND s.position = 2") == [(True,)]


def test_a_bounce_that_comes_before_its_outcome_waits_for_it(scene: Scene, public: Database, worker: Database) -> None:
    scene.change("UPDATE send SET state = 'attempting' WHERE dispatch_id = :dispatch AND position = 3")
    mail, bill = sunk(scene, 3), Bill()
    number = come_back(public, [mail.mail_from], bounce_report(mail, dead=True))
    read_inbound(worker, WORKER, SETTINGS, number, bill)
    assert scene.state(3) == ("attempting", False, None)
    assert inbound(scene, number)[0] is False
    scene.change("UPDATE send SET state = 'accepted' WHERE dispatch_id = :dispatch AND position = 3")
    read_inbound(worker, WORKER, SETTINGS, number, bill)
    assert scene.state(3) == ("accepted", True, "5.1.1")
    assert bill.reversed == [(scene.dispatch_id, 3)]


def test_without_a_return_path_the_message_id_finds_the_send(scene: Scene, public: Database, worker: Database) -> None:
    mail = sunk(scene, 4)
    number = come_back(public, ["postmaster@bounce.test"], bounce_report(mail, dead=True))
    read_inbound(worker, WORKER, SETTINGS, number, Bill())
    assert inbound(scene, number) == (True, "bounce", "hard", "5.1.1", 4)


def test_a_report_without_any_token_touches_nobody(scene: Scene, public: Database, worker: Database) -> None:
    forged = SunkMessage("x@y.test", (ADDRESS,), b"Message-ID: <made-up@x.test>\r\n\r\n")
    number = come_back(public, ["postmaster@bounce.test"], bounce_report(forged, dead=True))
    read_inbound(worker, WORKER, SETTINGS, number, Bill())
    assert inbound(scene, number) == (True, "bounce", "hard", "5.1.1", None)
    (key,) = contact_keys(WORKER, [ADDRESS], 1)
    assert scene.all("SELECT 1 FROM suppression WHERE contact_key = :key", key=key) == []


def test_a_complaint_leaves_everything(scene: Scene, public: Database, worker: Database) -> None:
    report = (
        b'Content-Type: multipart/report; report-type=feedback-report; boundary="b"\r\n\r\n'
        b"--b\r\nContent-Type: text/plain\r\n\r\nThis is an abuse report.\r\n"
        b"--b\r\nContent-Type: message/feedback-report\r\n\r\nFeedback-Type: abuse\r\nVersion: 1\r\n\r\n"
        b"--b\r\nContent-Type: message/rfc822\r\n\r\n" + sunk(scene, 5).raw + b"\r\n--b--\r\n"
    )
    number = come_back(public, ["fbl@bounce.test"], report)
    read_inbound(worker, WORKER, SETTINGS, number, Bill())
    assert inbound(scene, number) == (True, "complaint", "none", None, 5)
    assert scene.suppressions(5) == [("everywhere", 0, 0, "complaint")]
    assert scene.state(5) == ("accepted", False, None)


def test_a_mail_to_the_address_for_leaving_leaves_the_base(scene: Scene, public: Database, worker: Database) -> None:
    leaver = f"u-{scene.token(FRONT, 'leave', 6)}@bounce.test"
    number = come_back(public, [leaver], f"From: {ADDRESS}\r\nSubject: Re\r\n\r\nBonjour\r\n".encode())
    read_inbound(worker, WORKER, SETTINGS, number, Bill())
    assert scene.suppressions(6) == [("base", scene.base_id, 0, "opt_out")]


def test_an_absence_changes_nothing(scene: Scene, public: Database, worker: Database) -> None:
    mail = sunk(scene, 1)
    number = come_back(public, [mail.mail_from], absence_notice(mail))
    read_inbound(worker, WORKER, SETTINGS, number, Bill())
    assert inbound(scene, number) == (True, "autoreply", "none", None, 1)
    assert scene.state(1) == ("accepted", False, None)
    assert scene.suppressions(1) == []


def test_returned_mail_is_sealed_where_it_lies(scene: Scene, public: Database) -> None:
    mail = sunk(scene, 1)
    number = come_back(public, [mail.mail_from], bounce_report(mail, dead=True))
    ((sealed,),) = scene.all("SELECT sealed FROM inbound WHERE id = :id", id=number)
    assert isinstance(sealed, bytes)
    for hidden in (ADDRESS.encode(), b"boite.example", mail.mail_from.encode()):
        assert hidden not in sealed


def test_leaving_twice_and_in_every_scope_keeps_one_row_each(scene: Scene, public: Database) -> None:
    ref = TokenRef(scene.dispatch_id, scene.mailing_id, 1, 0)
    for scope in ("base", "base", "advertiser", "everywhere", "everywhere"):
        with public.begin(PUBLIC) as unit:
            leave(unit, ref, scope)  # type: ignore[arg-type]
    assert scene.suppressions(1) == [
        ("advertiser", 0, scene.advertiser_id, "opt_out"),
        ("base", scene.base_id, 0, "opt_out"),
        ("everywhere", 0, 0, "opt_out"),
    ]
    assert len(scene.all("SELECT scope FROM opt_out WHERE mailing_id = :mailing")) == 3


def click(
    public: Database, scene: Scene, position: int, link: int, *, agent: str = BROWSER, manner: str = "get"
) -> str:
    with public.begin(PUBLIC) as unit:
        ref = TokenRef(scene.dispatch_id, scene.mailing_id, position, link)
        return record_click(unit, ref, ip="192.0.2.7", agent=agent, manner=manner)  # type: ignore[arg-type]


def verdicts(scene: Scene) -> dict[tuple[object, object], tuple[object, object]]:
    rows = scene.all("SELECT position, link, verdict, verdict_reason FROM hit WHERE mailing_id = :mailing")
    return {(position, link): (verdict, reason) for position, link, verdict, reason in rows}


def test_a_click_is_kept_and_leads_to_the_frozen_link(scene: Scene, public: Database) -> None:
    assert click(public, scene, 1, 2) == "https://shop.example/2?a=1&b=é"
    assert verdicts(scene) == {(1, 2): (None, None)}


def test_a_link_that_the_creative_does_not_have_leads_nowhere_and_keeps_nothing(scene: Scene, public: Database) -> None:
    with pytest.raises(NotFound):
        click(public, scene, 1, 9)
    assert verdicts(scene) == {}


def test_hits_are_judged_by_what_their_visitor_did(scene: Scene, public: Database, worker: Database) -> None:
    click(public, scene, 1, 2)
    click(public, scene, 2, 2, agent="python-requests/2.32")
    for link in (0, 1, 2):
        click(public, scene, 3, link)
    for link in (1, 2, 3):
        click(public, scene, 4, link)
    click(public, scene, 5, 1, manner="head")
    scene.change("UPDATE send SET outcome_at = app_now() WHERE dispatch_id = :dispatch AND position = 6")
    click(public, scene, 6, 1)
    assert classify_hits(worker, scene.mailing_id, settle_seconds=0) == 10
    assert verdicts(scene) == {
        (1, 2): ("human", None),
        (2, 2): ("scanner", "known_agent"),
        **{(3, link): ("scanner", "hidden_link") for link in (0, 1, 2)},
        **{(4, link): ("scanner", "all_links_at_once") for link in (1, 2, 3)},
        (5, 1): ("scanner", "head_request"),
        (6, 1): ("scanner", "too_soon"),
    }
    assert classify_hits(worker, scene.mailing_id, settle_seconds=0) == 0


def test_hits_wait_until_the_visit_is_over_then_are_asked_for(scene: Scene, public: Database, worker: Database) -> None:
    waiting = (
        "SELECT count(*) FROM jobs.procrastinate_jobs WHERE task_name = 'classify_hits'"
        " AND args ->> 'row_id' = CAST(:mailing AS text)"
    )
    click(public, scene, 1, 2)
    assert classify_hits(worker, scene.mailing_id) == 0
    assert verdicts(scene) == {(1, 2): (None, None)}
    scene.change("UPDATE hit SET kept_at = kept_at - interval '20 seconds' WHERE mailing_id = :mailing")
    for _ in range(2):
        with worker.begin() as unit:
            ask_for_classification(unit)
    assert scene.all(waiting) == [(1,)]
    assert classify_hits(worker, scene.mailing_id) == 1


def test_address_and_agent_of_a_judged_click_go_after_90_days(scene: Scene, public: Database, worker: Database) -> None:
    click(public, scene, 1, 2)
    classify_hits(worker, scene.mailing_id, settle_seconds=0)
    scene.change("UPDATE hit SET at = at - interval '91 days' WHERE mailing_id = :mailing")
    click(public, scene, 2, 2)
    with worker.begin() as unit:
        forget_hit_sources(unit)
    rows = scene.all("SELECT position, ip IS NULL, user_agent IS NULL, verdict FROM hit WHERE mailing_id = :mailing")
    assert sorted(rows) == [(1, True, True, "human"), (2, False, False, None)]


def test_a_typed_address_is_sealed_then_suppressed_under_every_pepper_and_destroyed(
    scene: Scene, public: Database, worker: Database
) -> None:
    typed = f"Person-{scene.dispatch_id}@Boite.example"
    with public.begin(PUBLIC) as unit:
        object_by_address(unit, FRONT, f"  {typed} ")
    ((number, sealed),) = scene.all("SELECT id, sealed FROM typed_request ORDER BY id DESC LIMIT 1")
    assert isinstance(sealed, bytes)
    assert b"boite" not in sealed.lower()
    for _ in range(2):
        match_request(worker, WORKER, SETTINGS, int(str(number)))
    for version in (1, 2):
        (key,) = contact_keys(WORKER, [typed.lower()], version)
        assert scene.all("SELECT scope, pepper_version, reason FROM suppression WHERE contact_key = :key", key=key) == [
            ("everywhere", version, "objection")
        ]
    assert scene.all("SELECT sealed IS NULL, done_at IS NOT NULL FROM typed_request WHERE id = :id", id=number) == [
        (True, True)
    ]


def test_sealed_requests_are_of_one_length_whatever_was_typed(scene: Scene, public: Database) -> None:
    for typed in ("a@b.example", "x" * 60 + "@" + "y" * 60 + ".example"):
        with public.begin(PUBLIC) as unit:
            object_by_address(unit, FRONT, typed)
    rows = scene.all("SELECT length(sealed) FROM typed_request WHERE sealed IS NOT NULL ORDER BY id DESC LIMIT 2")
    assert rows[0] == rows[1]


@pytest.mark.parametrize(
    "typed", ["", "nobody", "a@b", "a b@c.example", "a@b.example, c@d.example", "x@y." + "z" * 300]
)
def test_what_is_no_address_is_refused_by_its_shape(public: Database, typed: str) -> None:
    with pytest.raises(InvalidInput), public.begin(PUBLIC) as unit:
        object_by_address(unit, FRONT, typed)
