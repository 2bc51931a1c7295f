"""Composed mails, read by the standard library and verified by dkimpy."""

from __future__ import annotations

import base64
import email
import email.policy
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path

import dkim
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from broker.delivery.compose import Composer, Envelope
from broker.delivery.sign import dkim_signer
from broker.delivery.template import compile_template
from broker.kernel.errors import SettingsError
from broker.vault.keyring import WorkerKeys, create_keys, load_worker
from broker.vault.tokens import TokenRef, read_token

DATE = datetime(2026, 11, 21, 10, 30, tzinfo=UTC)
HTML = (
    '<p title="{{city|ici}}">Bonjour {{first_name|cher &amp; fidèle client}}</p>\n.\n<a href="{{link:1}}">été</a>'
    ' <a href="{{link:2}}">deux</a> <a href="{{unsubscribe_url}}">partir</a><a href="{{link:0}}"></a>'
)
PLAIN = "Bonjour {{first_name|cher & fidèle client}}\n.\n{{link:1}} {{unsubscribe_url}}\n"
SEND = (202611000007, 12, 345)


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> WorkerKeys:
    folder: Path = tmp_path_factory.mktemp("keys")
    create_keys(folder / "k", "mail.courtier.test", "c2026")
    return load_worker(folder / "k")


@pytest.fixture(scope="module")
def composer(keys: WorkerKeys) -> Composer:
    envelope = Envelope(
        dispatch_id=SEND[0],
        mailing_id=SEND[1],
        mailing_code="mailing_x",
        base_code="base-a",
        kind="rental",
        subject="Pour {{first_name|vous}} : 100 % d'été",
        from_name="Boutique « É »",
        sending_domain="mail.courtier.test",
        bounce_domain="bounce.courtier.test",
        public_url="https://courtier.test",
    )
    signer = dkim_signer(keys, "mail.courtier.test", "c2026")
    return Composer(keys.front, signer, envelope, compile_template(HTML, PLAIN, "https://courtier.test"))


def verified(keys: WorkerKeys, raw: bytes) -> bool:
    """What dkimpy says, with our public key as the DNS record."""
    private = load_pem_private_key(keys.dkim["mail.courtier.test:c2026"].encode(), None)
    public = private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    record = b"v=DKIM1; k=rsa; p=" + base64.b64encode(public)
    return bool(dkim.verify(raw, dnsfunc=lambda name, timeout=5: record))


def parsed(raw: bytes) -> EmailMessage:
    message = email.message_from_bytes(raw, policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    return message


def parts(message: EmailMessage) -> tuple[str, str]:
    plain, html = message.get_body(("plain",)), message.get_body(("html",))
    assert plain is not None
    assert html is not None
    return plain.get_content(), html.get_content()


def test_a_mail_says_what_it_should_and_its_signature_holds(keys: WorkerKeys, composer: Composer) -> None:
    letter = composer.compose(SEND[2], {"email": "zoe@exemple.test", "first_name": "Zoé <3"}, DATE)
    assert letter is not None
    assert verified(keys, letter.raw)
    message = parsed(letter.raw)
    plain, html = parts(message)
    assert message["Subject"] == "Pour Zoé <3 : 100 % d'été"
    assert message["From"] == '"Boutique « É »" <base-a@mail.courtier.test>' or "Boutique « É »" in message["From"]
    assert message["To"] == "zoe@exemple.test"
    assert plain.startswith("Bonjour Zoé <3\r\n.\r\n" if "\r\n" in plain else "Bonjour Zoé <3\n.\n")
    assert '<p title="ici">Bonjour Zoé &lt;3</p>' in html
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    first, second = (part.strip().strip("<>") for part in message["List-Unsubscribe"].split(","))
    leave = first.removeprefix("https://courtier.test/u/")
    assert second == f"mailto:u-{leave}@bounce.courtier.test"
    assert read_token(keys.front, "leave", leave) == TokenRef(*SEND, 0)
    bounce = letter.mail_from.decode().removeprefix("b-").removesuffix("@bounce.courtier.test")
    assert read_token(keys.front, "bounce", bounce) == TokenRef(*SEND, 0)
    own = message["Message-ID"].strip("<>").removesuffix("@mail.courtier.test")
    assert read_token(keys.front, "message", own) == TokenRef(*SEND, 0)
    click = html.split("/c/")[2][:44]
    assert read_token(keys.front, "click", click) == TokenRef(*SEND, 2)


def test_an_empty_name_takes_the_default_as_the_author_meant_it(composer: Composer) -> None:
    letter = composer.compose(1, {"email": "a@b.test", "first_name": ""}, DATE)
    assert letter is not None
    plain, html = parts(parsed(letter.raw))
    assert "Bonjour cher & fidèle client" in plain
    assert "Bonjour cher &amp; fidèle client" in html


def test_the_signed_fields_include_both_unsubscribe_fields(keys: WorkerKeys, composer: Composer) -> None:
    letter = composer.compose(2, {"email": "a@b.test"}, DATE)
    assert letter is not None
    for field in (b"List-Unsubscribe-Post: List-Unsubscribe=One-Click", b"Subject: ", b"/u/"):
        assert not verified(keys, letter.raw.replace(field, field + b"x", 1))


def test_the_same_send_composes_the_same_bytes(composer: Composer) -> None:
    person = {"email": "a@b.test", "first_name": "Ana"}
    assert composer.compose(3, person, DATE) == composer.compose(3, person, DATE)


@pytest.mark.parametrize(
    ("address", "rcpt", "utf8"),
    [
        ("zoé@b.test", "zoé@b.test", True),
        ("zoe@été.test", "zoe@xn--t-9fab.test", False),
        ("zoé@été.test", "zoé@xn--t-9fab.test", True),
    ],
)
def test_an_address_beyond_ascii_keeps_its_local_part_and_asks_for_smtputf8(
    composer: Composer, address: str, rcpt: str, utf8: bool
) -> None:
    letter = composer.compose(4, {"email": address}, DATE)
    assert letter is not None
    assert (letter.rcpt_to.decode(), letter.utf8) == (rcpt, utf8)
    assert f"To: <{rcpt}>\r\n".encode() in letter.raw


@pytest.mark.parametrize(
    "address",
    [
        "a b@c.test",
        "a@b.test\r\nRCPT TO:<x@y.test>",
        "<a@b.test>",
        "zo\u2028é@b.test",
        "zo é@b.test",
        "é" * 40 + "@b.test",
        "a@b_c",
        "@b.test",
        "a@",
        "",
    ],
)
def test_an_address_that_could_break_the_dialogue_is_not_written_to(composer: Composer, address: str) -> None:
    assert composer.compose(4, {"email": address}, DATE) is None


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=80))
def test_any_name_keeps_the_signature_whole_and_the_address_out_of_the_headers(
    keys: WorkerKeys, composer: Composer, name: str
) -> None:
    letter = composer.compose(5, {"email": "unique.person@exemple.test", "first_name": name}, DATE)
    assert letter is not None
    assert verified(keys, letter.raw)
    assert b"\r\n." not in letter.raw
    assert letter.raw.count(b"unique.person") == 1


def test_a_missing_key_is_named(keys: WorkerKeys) -> None:
    with pytest.raises(SettingsError, match=r"other\.test"):
        dkim_signer(keys, "other.test", "c2026")
