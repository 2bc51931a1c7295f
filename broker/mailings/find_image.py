"""The pictures of mails: what a reader's mailbox loads, and what their author sees of them."""

from __future__ import annotations

from broker.kernel.database import UnitOfWork
from broker.kernel.errors import NotFound
from broker.mailings import image_store
from broker.mailings.model import Creative, CreativeImage


def find_image(unit: UnitOfWork, name: str) -> bytes:
    """An image's bytes by the name it is served under, for whoever reads a mail."""
    content = image_store.image_content(unit, name)
    if content is None:
        raise NotFound("There is no such picture.", code="image_not_found")
    return content


def images_of_creative(unit: UnitOfWork, creative: Creative) -> list[CreativeImage]:
    """The remote images of a creative that the actor may see: kept, waiting, or refused and why."""
    return image_store.images_of(unit, creative.id)
