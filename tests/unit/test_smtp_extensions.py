"""What the client does with what a server offers: chunks in one go, TLS by policy, log-in, sizes, SMTPUTF8."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from broker.delivery.converse import ConnectionLost
from broker.delivery.letter import Attempted, Letter
from broker.delivery.transport import Relay, SmtpConnection, connect
from broker.operate.mail_sink import SunkMessage, parse_sink_rule, read_sunk, serve_sink

RAW = b"Subject: x\r\n\r\nbody\r\n"


def letter(local: str, raw: bytes = RAW, *, utf8: bool = False) -> Letter:
    return Letter(b"b-x@bounce.test", f"{local}@exemple.test".encode(), raw, utf8=utf8)


async def carried(connection: SmtpConnection, letters: list[Letter], seconds: float = 2.0) -> list[Attempted]:
    done: asyncio.Future[list[Attempted]] = asyncio.get_running_loop().create_future()
    connection.launch(letters, seconds, lambda: True, lambda: None, done.set_result)
    return await asyncio.wait_for(done, 5)


def with_sink(folder: Path, rules: list[str], act: Callable[[SmtpConnection], Awaitable[None]]) -> list[SunkMessage]:
    """Run `act` on a connection to the built-in sink, which takes chunks; what it kept."""

    async def run() -> None:
        ready: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        parsed = [parse_sink_rule(rule) for rule in rules]
        server = asyncio.create_task(serve_sink("127.0.0.1", 0, folder, parsed, ready.set_result))
        connection = await connect(Relay("127.0.0.1", await ready, "me.test"), 2.0)
        try:
            await act(connection)
        finally:
            connection.quit()
            server.cancel()
            await asyncio.gather(server, return_exceptions=True)

    asyncio.run(run())
    return [message for _, message in read_sunk(folder)]


def test_chunks_of_many_mails_leave_in_one_go_with_one_answer_each(tmp_path: Path) -> None:
    dotted = b"Subject: x\r\n\r\n.one\r\n..two\r\n"

    async def act(connection: SmtpConnection) -> None:
        first = await carried(connection, [letter(f"a{n}", dotted) for n in range(4)])
        writes: list[bytes] = []
        send = connection.write

        def write(data: bytes) -> None:
            writes.append(data)
            send(data)

        connection.write = write  # type: ignore[method-assign]
        second = await carried(connection, [letter(f"b{n}", dotted) for n in range(4)])
        assert [one.state for one in first + second] == ["accepted"] * 8
        assert len(writes) == 1
        assert writes[0].count(b"BDAT 27 LAST\r\n") == 4

    kept = with_sink(tmp_path, [], act)
    assert [message.rcpt_to[0].partition("@")[0] for message in kept] == [f"{x}{n}" for x in "ab" for n in range(4)]
    assert {message.raw for message in kept} == {dotted}


def test_a_refused_recipient_among_chunks_spoils_no_other_mail(tmp_path: Path) -> None:
    async def act(connection: SmtpConnection) -> None:
        await carried(connection, [letter("first")])
        ended = await carried(connection, [letter(name) for name in ("a", "bad", "later", "d", "bad2")])
        assert [one.state for one in ended] == ["accepted", "refused", "deferred", "accepted", "refused"]
        assert [one.stage for one in ended][1:3] == ["recipient", "recipient"]
        assert (await carried(connection, [letter("e"), letter("f")]))[0].state == "accepted"

    kept = with_sink(tmp_path, ["refuse:^bad", "defer:^later"], act)
    assert [message.rcpt_to[0].partition("@")[0] for message in kept] == ["first", "a", "d", "e", "f"]


@pytest.mark.parametrize("rule", ["drop-after:^c@", "drop:^c@"])
def test_after_a_lost_connection_every_chunk_without_its_answer_is_in_doubt(tmp_path: Path, rule: str) -> None:
    async def act(connection: SmtpConnection) -> None:
        await carried(connection, [letter("first")])
        ended = await carried(connection, [letter(name) for name in "abcde"])
        assert [one.state for one in ended] == ["accepted", "accepted", "uncertain", "uncertain", "uncertain"]

    kept = with_sink(tmp_path, [rule], act)
    assert len(kept) in (3, 4)  # never one that counts as not sent


def test_the_first_mail_of_a_connection_waits_for_the_servers_word(tmp_path: Path) -> None:
    async def act(connection: SmtpConnection) -> None:
        ended = await carried(connection, [letter(name) for name in "abc"])
        assert [one.state for one in ended] == ["deferred"] * 3

    assert with_sink(tmp_path, ["drop:^a@"], act) == []


class Handler:
    """Keeps what it gets."""

    def __init__(self) -> None:
        self.got: list[tuple[str, bool]] = []

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        self.got.append((envelope.rcpt_tos[0], session.ssl is not None))
        return "250 2.0.0 kept"


def authenticator(server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: object) -> AuthResult:
    assert isinstance(data, LoginPassword)
    return AuthResult(success=(data.login, data.password) == (b"me", b"secret"), handled=False)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """(certificate of localhost, its key)."""
    folder = tmp_path_factory.mktemp("tls")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, SHA256())
    )
    (folder / "cert.pem").write_bytes(made.public_bytes(Encoding.PEM))
    (folder / "key.pem").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return folder / "cert.pem", folder / "key.pem"


@pytest.fixture(scope="module")
def relay(certificate: tuple[Path, Path]) -> Iterator[tuple[Relay, Handler]]:
    """A real server on a socket: TLS and log-in required, 2,000 bytes at most, SMTPUTF8."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    handler = Handler()
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
    controller = Controller(
        handler,
        "127.0.0.1",
        port,
        tls_context=context,
        auth_required=True,
        authenticator=authenticator,
        enable_SMTPUTF8=True,
        data_size_limit=2_000,
        auth_require_tls=True,
    )
    controller.start()
    where = Relay("localhost", port, "me.test", "required", "me", "secret", str(certificate[0]))
    yield where, handler
    controller.stop()


def try_relay(relay: Relay, sent: Letter) -> Attempted:
    async def run() -> Attempted:
        connection = await connect(relay, 3.0)
        try:
            return await connection.carry(sent, 3.0, lambda: True)
        finally:
            connection.quit()

    return asyncio.run(run())


def test_tls_is_verified_and_the_log_in_made(relay: tuple[Relay, Handler]) -> None:
    where, handler = relay
    assert try_relay(where, letter("zoe")).state == "accepted"
    assert handler.got[-1] == ("zoe@exemple.test", True)


def test_an_unknown_certificate_is_refused_where_tls_is_required(relay: tuple[Relay, Handler]) -> None:
    with pytest.raises(ConnectionLost, match="TLS"):
        try_relay(replace(relay[0], ca_file=""), letter("zoe"))


def test_a_certificate_for_another_name_is_refused(relay: tuple[Relay, Handler]) -> None:
    with pytest.raises(ConnectionLost, match="TLS"):
        try_relay(replace(relay[0], host="127.0.0.1"), letter("zoe"))


@pytest.mark.parametrize("policy", ["encrypt", "opportunistic"])
def test_other_policies_encrypt_whatever_the_certificate(relay: tuple[Relay, Handler], policy: str) -> None:
    where, handler = relay
    assert try_relay(replace(where, tls=policy, ca_file="", host="127.0.0.1"), letter("lea")).state == "accepted"
    assert handler.got[-1] == ("lea@exemple.test", True)


def test_a_wrong_password_is_the_relays_fault_and_no_mails(relay: tuple[Relay, Handler]) -> None:
    with pytest.raises(ConnectionLost, match=r"log-in refused \(535\)"):
        try_relay(replace(relay[0], password="wrong"), letter("zoe"))


def test_what_is_too_large_for_the_relay_is_not_even_tried(relay: tuple[Relay, Handler]) -> None:
    where, handler = relay
    before = len(handler.got)
    ended = try_relay(where, letter("zoe", RAW + b"x" * 3_000 + b"\r\n"))
    assert (ended.state, ended.reply.code, ended.reply.enhanced) == ("refused", 552, (5, 3, 4))
    assert len(handler.got) == before


def test_an_address_beyond_ascii_needs_smtputf8(relay: tuple[Relay, Handler], tmp_path: Path) -> None:
    where, handler = relay
    assert try_relay(where, letter("zoé", utf8=True)).state == "accepted"
    assert handler.got[-1][0] == "zoé@exemple.test"

    async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 hello\r\n")
        while await reader.readline():
            writer.write(b"250 here\r\n")
        writer.close()

    async def run() -> Attempted:
        server = await asyncio.start_server(plain, "127.0.0.1", 0)
        async with server:
            connection = await connect(Relay("127.0.0.1", server.sockets[0].getsockname()[1], "me.test"), 2.0)
            ended = await connection.carry(letter("zoé", utf8=True), 2.0, lambda: True)
            connection.quit()
            return ended

    ended = asyncio.run(run())
    assert (ended.state, ended.reply.enhanced) == ("refused", (5, 6, 7))
