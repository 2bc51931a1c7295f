"""Fetch one image of a creative, once, for us to serve: a mail that loads it from elsewhere tells who opened it."""

from __future__ import annotations

import hashlib
import io
import warnings
from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image

from broker.kernel.fetch_public import FetchRefused, Resolve, fetch_public

MOST_BYTES = 5_000_000
MOST_PIXELS = 40_000_000
TINY = 3  # pixels: what is not larger is there to be counted, not to be seen
EXTENSIONS = {"PNG": "png", "JPEG": "jpg", "GIF": "gif", "WEBP": "webp"}
ACCEPT = "image/png, image/jpeg, image/gif, image/webp"


class NoPicture(FetchRefused):
    """What was fetched is no picture for a mail; `why` is a code: too_large, no_picture, tracking_pixel."""


@dataclass(frozen=True, slots=True)
class FetchedImage:
    """An image as it will be served: `name` is the first 128 bits of the content's SHA-256 and its type."""

    name: str
    content: bytes
    width: int
    height: int


def fetch_image(url: str, private_hosts: Sequence[str] = (), resolve: Resolve | None = None) -> FetchedImage:
    """Fetch and look at one image. `private_hosts` may have addresses that are not public. Raises `FetchRefused`."""
    content = fetch_public(url, accept=ACCEPT, most_bytes=MOST_BYTES, private_hosts=private_hosts, resolve=resolve)
    return look_at(content)


def look_at(content: bytes) -> FetchedImage:
    """Name and measure an image by its content, whatever its server called it. Raises `NoPicture`."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(content), formats=tuple(EXTENSIONS)) as picture:
                width, height = picture.size
                kind = str(picture.format)
                if width * height > MOST_PIXELS:
                    raise NoPicture("too_large")
                picture.verify()
    except Image.DecompressionBombError:
        raise NoPicture("too_large") from None
    except (OSError, ValueError, SyntaxError, EOFError, IndexError, TypeError):
        raise NoPicture("no_picture") from None
    if width <= TINY and height <= TINY:
        raise NoPicture("tracking_pixel")
    name = f"{hashlib.sha256(content).hexdigest()[:32]}.{EXTENSIONS[kind]}"
    return FetchedImage(name, content, width, height)
