"""A subscribed suppression file over real TLS: an authority of our own, wrong certificates, redirects, bombs, drips."""

from __future__ import annotations

import gzip
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from broker.kernel import fetch_public
from broker.kernel.fetch_public import Fetched, FetchRefused, fetch_changed

HOST = "files.shop.example"
FILE = b"\n".join(f"{number:064x}".encode() for number in range(50))
Answer = Callable[[BaseHTTPRequestHandler], None]


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


@dataclass
class Authority:
    """Signs certificates; `file` is what trusts it."""

    folder: Path
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    name: str = "Test authority"

    @property
    def file(self) -> Path:
        path = self.folder / f"{self.name}.pem"
        path.write_bytes(self.sign(self.name, self.key, authority=True).public_bytes(serialization.Encoding.PEM))
        return path

    def sign(
        self, host: str, key: ec.EllipticCurvePrivateKey, *, days: int = 30, authority: bool = False
    ) -> x509.Certificate:
        now = datetime.now(UTC)
        made = (
            x509.CertificateBuilder()
            .subject_name(_name(host))
            .issuer_name(_name(self.name))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=60))
            .not_valid_after(now + timedelta(days=days))
            .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), critical=False)
        )
        if authority:
            usage = x509.KeyUsage(True, False, False, False, False, True, True, False, False)
            made = made.add_extension(usage, critical=True)
        else:
            made = made.add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        return made.sign(self.key, hashes.SHA256())

    def context(self, host: str, *, days: int = 30) -> ssl.SSLContext:
        """What a server of this host shows."""
        key = ec.generate_private_key(ec.SECP256R1())
        pem = self.sign(host, key, days=days).public_bytes(serialization.Encoding.PEM) + key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        path = self.folder / "server.pem"
        path.write_bytes(pem)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(path)
        return context


@dataclass
class Server:
    """An https server on this machine: shows what it is told to, answers what it is told to."""

    port: int
    asked: list[str]
    answer: Answer

    def read(self, *, hosts: tuple[str, ...] = (HOST,), host: str = HOST, most: int = 1_000_000) -> Fetched:
        return fetch_changed(
            f"https://{host}:{self.port}/list.txt?key=1",
            accept="text/plain",
            most_bytes=most,
            hosts=hosts,
            private_hosts=(HOST, "other.shop.example"),
            resolve=lambda *_: ["127.0.0.1"],
        )

    def refusal(self, **how: object) -> str:
        with pytest.raises(FetchRefused) as refused:
            self.read(**how)  # type: ignore[arg-type]
        return refused.value.why


def whole(handler: BaseHTTPRequestHandler, content: bytes = FILE, **headers: str) -> None:
    handler.send_response(200)
    for name, value in {"Content-Length": str(len(content)), **headers}.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()
    handler.wfile.write(content)


def elsewhere(location: str) -> Answer:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(302)
        handler.send_header("Location", location)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    return answer


@pytest.fixture
def authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Authority:
    made = Authority(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(made.file))
    return made


@pytest.fixture
def serve(authority: Authority) -> Iterator[Callable[[ssl.SSLContext], Server]]:
    opened: list[ThreadingHTTPServer] = []

    def start(context: ssl.SSLContext) -> Server:
        state = Server(0, [], whole)

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                state.asked.append(self.path)
                self.close_connection = True
                state.answer(self)

            def log_message(self, *_: object) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.handle_error = lambda *_: None  # type: ignore[method-assign]  # a client that hangs up
        server.socket = context.wrap_socket(server.socket, server_side=True)
        state.port = server.server_address[1]
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        opened.append(server)
        return state

    yield start
    for server in opened:
        server.shutdown()
        server.server_close()


Serve = Callable[[ssl.SSLContext], Server]


def test_a_file_is_read_over_tls_from_the_named_host(authority: Authority, serve: Serve) -> None:
    server = serve(authority.context(HOST))
    assert server.read().content == FILE
    assert server.asked == ["/list.txt?key=1"]
    server.answer = lambda handler: whole(handler, gzip.compress(FILE), Content_Encoding="gzip")
    assert server.read().content == FILE


@pytest.mark.parametrize("wrong", ["name", "expired", "unknown authority", "no TLS"])
def test_a_certificate_that_proves_nothing_is_no_answer_and_nothing_is_asked(
    authority: Authority, serve: Serve, wrong: str, tmp_path: Path
) -> None:
    if wrong == "unknown authority":
        (tmp_path / "x").mkdir()
        context = Authority(tmp_path / "x", name="Nobody's").context(HOST)
    elif wrong == "name":
        context = authority.context("evil.example")
    else:
        context = authority.context(HOST, days=-1)
    server = serve(context)
    if wrong == "no TLS":
        with ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as plain:
            threading.Thread(target=plain.serve_forever, args=(0.02,), daemon=True).start()
            server.port = plain.server_address[1]
            assert server.refusal() == "no_answer"
            plain.shutdown()
        return
    assert server.refusal() == "no_answer"
    assert server.asked == []


@pytest.mark.parametrize(
    ("location", "why"),
    [
        ("http://evil.example/list.txt", "bad_url"),
        ("https://evil.example/list.txt", "host_not_allowed"),
        ("https://127.0.0.1/list.txt", "host_not_allowed"),
        ("https://files.shop.example.evil.example/", "host_not_allowed"),
        ("https://files.shop.example@evil.example/", "host_not_allowed"),
        ("//evil.example/list.txt", "host_not_allowed"),
        ("https://user:word@files.shop.example/", "bad_url"),
        ("file:///etc/passwd", "bad_url"),
        ("https://other.shop.example:{port}/", "no_answer"),  # allowed, and its certificate is another host's
        ("/again", "too_many_redirects"),
    ],
)
def test_a_redirect_is_held_to_the_same_rules(authority: Authority, serve: Serve, location: str, why: str) -> None:
    server = serve(authority.context(HOST))
    server.answer = elsewhere(location.format(port=server.port))
    assert server.refusal(hosts=(HOST, "other.shop.example")) == why


def test_a_host_that_is_not_trusted_has_public_addresses_and_the_port_of_https(
    authority: Authority, serve: Serve
) -> None:
    server = serve(authority.context("public.shop.example"))
    assert server.refusal(host="public.shop.example", hosts=("public.shop.example",)) == "not_public"  # its port
    for address in (
        "127.0.0.1",
        "10.0.0.8",
        "169.254.169.254",
        "::1",
        "fd00::1",
        "::ffff:10.0.0.1",
        "0.0.0.0",  # noqa: S104 - where to, not where from
        "100.64.0.1",
    ):
        with pytest.raises(FetchRefused) as refused:
            fetch_changed(
                "https://public.shop.example/list.txt",
                accept="*/*",
                most_bytes=1_000,
                hosts=("public.shop.example",),
                resolve=lambda *_, found=address: ["93.184.216.34", found],
            )
        assert refused.value.why == "not_public"
    assert server.asked == []


@pytest.mark.parametrize("encoding", ["gzip", "gzip, gzip", "gzip, gzip, gzip", "br", "zstd", "x-odd"])
def test_a_bomb_is_put_down_before_it_fills_the_memory(authority: Authority, serve: Serve, encoding: str) -> None:
    bomb = gzip.compress(b"0" * 20_000_000)
    for _ in range(encoding.count(",")):
        bomb = gzip.compress(bomb)
    server = serve(authority.context(HOST))
    server.answer = lambda handler: whole(handler, bomb, Content_Encoding=encoding)
    assert server.refusal() == ("too_large" if encoding == "gzip" else "no_answer")
    server.answer = lambda handler: whole(handler, b"0" * 1_000_001)
    assert server.refusal() == "too_large"


def test_a_file_that_breaks_off_is_no_file(authority: Authority, serve: Serve) -> None:
    server = serve(authority.context(HOST))
    server.answer = lambda handler: whole(handler, FILE, Content_Length=str(len(FILE) + 10))
    assert server.refusal() == "no_answer"


@pytest.mark.parametrize("where", ["headers", "body", "body without a length"])
def test_a_host_that_drips_is_cut_when_its_time_is_over(
    authority: Authority, serve: Serve, where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetch_public, "MOST_SECONDS", 0.4)
    stop = threading.Event()

    def drip(handler: BaseHTTPRequestHandler) -> None:
        if where == "headers":
            handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
        else:
            handler.send_response(200)
            if where == "body":
                handler.send_header("Content-Length", "1000000")
            handler.end_headers()
        while not stop.wait(0.05):
            handler.wfile.write(b"X-Slow: 1\r\n")
            handler.wfile.flush()

    server = serve(authority.context(HOST))
    server.answer = drip
    began = time.monotonic()
    try:
        assert server.refusal() == "too_slow"
        assert time.monotonic() - began < 10  # not a timing: without an end it would drip for ever
    finally:
        stop.set()
