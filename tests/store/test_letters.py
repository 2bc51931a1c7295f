"""Letters of persons are answered once and kept nowhere; mailboxes that never take mail end like dead ones."""

from __future__ import annotations

import json

import pytest
from sqlalchemy import Engine, text

from broker.delivery.post_letter import Note
from broker.delivery.transport import ConnectionLost
from broker.feedback.read_inbound import read_inbound
from broker.feedback.receive_inbound import receive_inbound
from broker.kernel.actor import PUBLIC
from broker.kernel.database import Database
from broker.kernel.settings import MailinSettings, MailSettings, Settings
from broker.operate.mail_sink import SunkMessage
from broker.operate.returned_mail import bounce_report
from broker.vault.data_keys import current_data_key
from broker.vault.keyring import WorkerKeys
from broker.vault.seal import seal_rows
from tests.store.feedback_scene import Scene, make_scene
from tests.unit.rings import worker_ring

WORKER = worker_ring()
FRONT = WORKER.front
SETTINGS = Settings(mailin=MailinSettings(soft_bounces=3))
ADDRESS = "camille.durand@boite.example"


class Post:
    """Stands where the relay does."""

    def __init__(self) -> None:
        self.notes: list[Note] = []

    def __call__(self, worker: WorkerKeys, mail: MailSettings, note: Note) -> None:
        self.notes.append(note)


@pytest.fixture
def public(public_engine: Engine) -> Database:
    return Database(public_engine)


@pytest.fixture
def worker(worker_engine: Engine) -> Database:
    return Database(worker_engine)


@pytest.fixture
def scene(admin_engine: Engine, worker: Database) -> Scene:
    """A mailing whose send 1 went to a person in the vault."""
    scene = make_scene(admin_engine)
    with worker.begin() as unit:
        version, key = current_data_key(unit, WORKER, scene.base_id)
    with admin_engine.begin() as connection:
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        brought = connection.execute(
            text(
                "WITH u AS (INSERT INTO upload (code, base_id, kind, file_name)"
                " VALUES (:code, :base, 'contacts', 'f.csv') RETURNING id)"
                " INSERT INTO import_run (code, base_id, upload_id, kind, state)"
                " SELECT :code, :base, id, 'contacts', 'done' FROM u RETURNING id"
            ),
            {"code": f"scene-{scene.base_id}", "base": scene.base_id},
        ).scalar_one()
        number = connection.execute(
            text(
                "INSERT INTO contact (id, base_id, contact_key, md5_key, sha256_key, pepper_version, key_version,"
                " import_id) VALUES (:id, :base, :key, :key, :key, 1, :version, :import) RETURNING id"
            ),
            {
                "id": 10_000_000 + scene.base_id,
                "base": scene.base_id,
                "key": scene.key(1),
                "version": version,
                "import": brought,
            },
        ).scalar_one()
        plain = json.dumps({"email": ADDRESS}).encode()
        (sealed,) = seal_rows(key, scene.base_id, version, [number], [plain])
        connection.execute(text("UPDATE contact SET sealed = :sealed WHERE id = :id"), {"sealed": sealed, "id": number})
    scene.change("UPDATE send SET contact_id = :id WHERE dispatch_id = :dispatch AND position = 1", id=number)
    return scene


def letter(
    scene: Scene, words: str = "Bonjour, avez-vous ce bracelet en argent ?", position: int = 1, **more: str
) -> bytes:
    """A person's reply to the mail of a send."""
    fields = {
        "From": "Somebody Else <stranger@elsewhere.example>",
        "To": "clients@mail.courtier.test",
        "Subject": "Re: Offre",
        "Message-ID": "<abc.123@elsewhere.example>",
        "In-Reply-To": f"<{scene.token(FRONT, 'message', position)}@mail.courtier.test>",
    } | {name.replace("_", "-"): value for name, value in more.items()}
    return "".join(f"{name}: {value}\r\n" for name, value in fields.items()).encode() + b"\r\n" + words.encode()


def read(public: Database, worker: Database, raw: bytes, recipient: str = "clients@mail.courtier.test") -> Post:
    with public.begin(PUBLIC) as unit:
        number = receive_inbound(unit, FRONT, [recipient], raw)
    post = Post()
    for _ in range(2):
        read_inbound(worker, WORKER, SETTINGS, number, lambda unit, mailing, keys: None, post)
    return post


def test_a_letter_is_answered_once_at_the_address_of_the_vault_and_not_kept(
    scene: Scene, public: Database, worker: Database
) -> None:
    (note,) = read(public, worker, letter(scene)).notes
    assert note.to == ADDRESS  # a forged sender gets nothing
    assert note.answers == ("<abc.123@elsewhere.example>",)
    assert scene.advertiser_name in note.text
    assert f"/u/{scene.token(FRONT, 'leave', 1)}" in note.text
    assert f"/partners/{scene.base_code}" in note.text
    assert "bracelet" not in note.text
    rows = scene.all("SELECT sealed, kind, reason FROM inbound WHERE mailing_id = :mailing")
    assert rows == [(None, "other", None)]
    assert read(public, worker, letter(scene)).notes == []  # the same week


def test_answers_are_given_again_after_a_week(scene: Scene, public: Database, worker: Database) -> None:
    assert len(read(public, worker, letter(scene)).notes) == 1
    scene.change("UPDATE letter_answer SET at = at - interval '8 days' WHERE contact_key = :key", key=scene.key(1))
    assert len(read(public, worker, letter(scene)).notes) == 1


@pytest.mark.parametrize(
    "header",
    [
        {"Auto_Submitted": "auto-generated"},
        {"Auto_Submitted": "auto-notified; owner-email=a@b.example"},
        {"Precedence": "bulk"},
        {"List_Id": "<list.example>"},
        {"Return_Path": "<>"},
        {"From": "MAILER-DAEMON@elsewhere.example"},
        {"X_Auto_Response_Suppress": "All"},
    ],
)
def test_machines_are_never_answered(scene: Scene, public: Database, worker: Database, header: dict[str, str]) -> None:
    assert read(public, worker, letter(scene, **header)).notes == []


def test_a_wish_to_leave_is_carried_out_and_not_discussed(scene: Scene, public: Database, worker: Database) -> None:
    assert read(public, worker, letter(scene, "Merci de me désinscrire.")).notes == []
    assert scene.suppressions(1) == [("base", scene.base_id, 0, "opt_out")]


def test_a_letter_about_no_mail_of_ours_is_not_answered(scene: Scene, public: Database, worker: Database) -> None:
    assert read(public, worker, letter(scene, In_Reply_To="<nothing@elsewhere.example>")).notes == []


def test_an_erased_person_is_not_answered(scene: Scene, public: Database, worker: Database) -> None:
    scene.change("UPDATE contact SET sealed = NULL WHERE base_id = :base", base=scene.base_id)
    assert read(public, worker, letter(scene)).notes == []


def test_an_answer_that_no_relay_takes_is_lost_and_the_letter_read(
    scene: Scene, public: Database, worker: Database
) -> None:
    def away(worker: WorkerKeys, mail: MailSettings, note: Note) -> None:
        raise ConnectionLost("no relay")

    with public.begin(PUBLIC) as unit:
        number = receive_inbound(unit, FRONT, ["clients@mail.courtier.test"], letter(scene))
    read_inbound(worker, WORKER, SETTINGS, number, lambda unit, mailing, keys: None, away)
    assert scene.all("SELECT sealed IS NULL FROM inbound WHERE id = :id", id=number) == [(True,)]


def bounce(scenes: list[Scene], at: int, public: Database, worker: Database, *, dead: bool = False) -> None:
    """The mail of scene number `at` comes back; every scene is a week apart from the next."""
    scene = scenes[at]
    mail = SunkMessage(f"b-{scene.token(FRONT, 'bounce', 1)}@bounce.test", (ADDRESS,), b"Subject: x\r\n\r\n")
    read(public, worker, bounce_report(mail, dead=dead), mail.mail_from)


@pytest.fixture
def weeks(admin_engine: Engine) -> list[Scene]:
    """Four mailings of the last month to the same person, oldest first."""
    scenes = [make_scene(admin_engine, sends=1) for _ in range(4)]
    for number, scene in enumerate(scenes):
        scene.change(
            "UPDATE send SET contact_key = :key, outcome_at = app_now() - make_interval(days => :days)"
            " WHERE dispatch_id = :dispatch AND position = 1",
            key=scenes[0].key(1),
            days=7 * (4 - number),
        )
    return scenes


def passed(scene: Scene, days: int) -> None:
    """The soft bounce of a scene is dated back."""
    scene.change("UPDATE soft_bounce SET at = at - make_interval(days => :days) WHERE mailing_id = :mailing", days=days)


def test_enough_soft_bounces_in_a_row_end_the_address(weeks: list[Scene], public: Database, worker: Database) -> None:
    weeks[3].change("UPDATE send SET state = 'pending' WHERE dispatch_id = :dispatch")
    for number in (0, 1):
        bounce(weeks, number, public, worker)
        passed(weeks[number], 7 * (4 - number) - 1)
        assert weeks[0].suppressions(1) == []
    bounce(weeks, 2, public, worker)
    assert weeks[0].suppressions(1) == [("everywhere", 0, 0, "hard_bounce")]


def test_a_delivered_mail_starts_the_count_anew(weeks: list[Scene], public: Database, worker: Database) -> None:
    for number in (0, 1, 3):  # the third was delivered
        bounce(weeks, number, public, worker)
        passed(weeks[number], 7 * (4 - number) - 1)
    assert weeks[0].suppressions(1) == []


def test_several_soft_bounces_of_one_day_count_once(weeks: list[Scene], public: Database, worker: Database) -> None:
    for number in range(4):
        bounce(weeks, number, public, worker)
    assert weeks[0].suppressions(1) == []


def test_soft_bounces_of_long_ago_do_not_count(weeks: list[Scene], public: Database, worker: Database) -> None:
    for number in range(3):
        bounce(weeks, number, public, worker)
        passed(weeks[number], 40 + number)
    bounce(weeks, 3, public, worker)
    assert weeks[0].suppressions(1) == []
