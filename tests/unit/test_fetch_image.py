"""Images of creatives are fetched once, from public hosts only, and judged by their content."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

import pytest
from PIL import Image

from broker.kernel.fetch_public import FetchRefused
from broker.mailings.fetch_image import MOST_BYTES, fetch_image, look_at


def picture(width: int = 40, height: int = 30, kind: str = "PNG") -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (width, height), (20, 90, 60)).save(out, kind)
    return out.getvalue()


class Shop(BaseHTTPRequestHandler):
    """A server of pictures: some are none, some are elsewhere."""

    asked: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        Shop.asked.append(f"{self.headers['Host']} {self.path}")
        if self.path == "/loop":
            self.send_response(302)
            self.send_header("Location", "/loop")
            self.end_headers()
        elif self.path == "/away":
            self.send_response(302)
            self.send_header("Location", "http://metadata.test/secret.png")
            self.end_headers()
        elif self.path == "/missing.png":
            self.send_error(404)
        else:
            body = {
                "/a.png": picture(),
                "/pixel.gif": picture(1, 1, "GIF"),
                "/page.png": b"<html>no picture</html>",
                "/heavy.png": b"\x89PNG\r\n\x1a\n" + b"0" * (MOST_BYTES + 1),
            }[self.path]
            self.send_response(200)
            self.send_header("Content-Type", "text/html")  # what a server calls it does not count
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def shop() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Shop)
    Shop.asked = []
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()
    thread.join()


def why(url: str, *hosts: str, addresses: tuple[str, ...] = ()) -> str:
    with pytest.raises(FetchRefused) as refusal:
        fetch_image(url, hosts, (lambda host, port: addresses) if addresses else None)
    return refusal.value.why


def test_an_image_is_named_by_its_content_and_measured(shop: str) -> None:
    image = fetch_image(f"{shop}/a.png", ["127.0.0.1"])
    assert (image.width, image.height, image.content) == (40, 30, picture())
    assert image.name == look_at(picture()).name
    assert image.name.endswith(".png")
    assert look_at(picture(kind="JPEG")).name.endswith(".jpg")


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/missing.png", "not_found"),
        ("/page.png", "no_picture"),
        ("/pixel.gif", "tracking_pixel"),
        ("/heavy.png", "too_large"),
        ("/loop", "too_many_redirects"),
    ],
)
def test_what_is_no_picture_for_a_mail_is_refused(shop: str, path: str, code: str) -> None:
    assert why(f"{shop}{path}", "127.0.0.1") == code


def test_a_redirect_is_looked_at_like_the_first_address(shop: str) -> None:
    def resolve(host: str, port: int) -> list[str]:
        return ["127.0.0.1"] if host == "127.0.0.1" else ["169.254.169.254"]

    with pytest.raises(FetchRefused) as refusal:
        fetch_image(f"{shop}/away", ["127.0.0.1"], resolve)
    assert refusal.value.why == "not_public"
    assert len(Shop.asked) == 1


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "10.0.0.8", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.1", "::1", "fe80::1%eth0",
     "fd00::1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::", "224.0.0.1"],
)  # fmt: skip
def test_hosts_inside_are_never_asked(address: str) -> None:
    assert why("http://pictures.test/a.png", addresses=("93.184.216.34", address)) == "not_public"


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("ftp://x.test/a.png", "bad_url"),
        ("http://user:pass@x.test/a.png", "bad_url"),
        ("http://[::1", "bad_url"),
        ("http://x.test:99999/a.png", "bad_url"),
        ("http:///a.png", "bad_url"),
        ("http://x.test:22/a.png", "not_public"),
        ("http://2130706433/a.png", "not_public"),
    ],
)
def test_odd_addresses_are_refused_before_anything_is_asked(url: str, code: str) -> None:
    assert why(url, addresses=("127.0.0.1",)) == code


def test_a_picture_that_would_unfold_to_too_much_is_refused() -> None:
    bomb = io.BytesIO()
    Image.new("1", (10_000, 10_000)).save(bomb, "PNG")
    assert len(bomb.getvalue()) < 50_000
    with pytest.raises(FetchRefused) as refusal:
        look_at(bomb.getvalue())
    assert refusal.value.why == "too_large"


@pytest.mark.parametrize("content", [b"", b"GIF89a", b"\x89PNG\r\n\x1a\n", b"<svg onload=alert(1)>", b"RIFF0000WEBP"])
def test_a_broken_picture_is_none(content: bytes) -> None:
    with pytest.raises(FetchRefused) as refusal:
        look_at(content)
    assert refusal.value.why == "no_picture"
