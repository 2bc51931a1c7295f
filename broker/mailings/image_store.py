"""The queries of creatives' images and of the merge tags that an advertiser may use."""

from __future__ import annotations

from collections.abc import Sequence

from broker.kernel.database import UnitOfWork
from broker.mailings.fetch_image import FetchedImage
from broker.mailings.model import CreativeImage
from broker.mailings.slots import MERGE_TAGS, OWN_TAGS


def set_images(unit: UnitOfWork, creative_id: int, urls: Sequence[str]) -> None:
    """The remote images that a creative holds now, all still to be fetched."""
    unit.run("DELETE FROM creative_image WHERE creative_id = :id", id=creative_id)
    unit.run_many(
        "INSERT INTO creative_image (creative_id, number, url) VALUES (:creative_id, :number, :url)",
        [{"creative_id": creative_id, "number": number, "url": url} for number, url in enumerate(urls, start=1)],
    )


def images_of(unit: UnitOfWork, creative_id: int) -> list[CreativeImage]:
    """A creative's remote images in the order of the message."""
    rows = unit.all(
        "SELECT number, url, state, name, why FROM creative_image WHERE creative_id = :id ORDER BY number",
        id=creative_id,
    )
    return [CreativeImage(**row._asdict()) for row in rows]


def keep_image(unit: UnitOfWork, creative_id: int, url: str, image: FetchedImage) -> None:
    """Store an image (once, whoever uses it) and say that the creative has it."""
    unit.run(
        "INSERT INTO mail_image (name, content, width, height) VALUES (:name, :content, :width, :height)"
        " ON CONFLICT DO NOTHING",
        name=image.name,
        content=image.content,
        width=image.width,
        height=image.height,
    )
    unit.run(
        "UPDATE creative_image SET state = 'kept', name = :name, why = NULL"
        " WHERE creative_id = :id AND url = :url AND state = 'waiting'",
        name=image.name,
        id=creative_id,
        url=url,
    )


def refuse_image(unit: UnitOfWork, creative_id: int, url: str, why: str) -> None:
    """Say why an image is not to be had."""
    unit.run(
        "UPDATE creative_image SET state = 'refused', why = :why"
        " WHERE creative_id = :id AND url = :url AND state = 'waiting'",
        why=why,
        id=creative_id,
        url=url,
    )


def ask_again(unit: UnitOfWork, creative_id: int) -> int:
    """Refused images of a creative wait again; returns how many."""
    return len(
        unit.all(
            "UPDATE creative_image SET state = 'waiting' WHERE creative_id = :id AND state = 'refused'"
            " RETURNING number",
            id=creative_id,
        )
    )


def image_content(unit: UnitOfWork, name: str) -> bytes | None:
    """An image's bytes by its name, for whoever reads a mail."""
    content: bytes | None = unit.scalar("SELECT find_mail_image(:name)", name=name)
    return None if content is None else bytes(content)


def merge_tags_of(unit: UnitOfWork, org_id: int) -> tuple[str, ...]:
    """The merge tags that an organisation may use: all that are declared, unless the broker said which; an
    owner's, whose mail goes to its own customers, also those of purchases."""
    tags = unit.scalar("SELECT tags FROM merge_tag_right WHERE org_id = :org", org=org_id)
    known = tuple(MERGE_TAGS) if tags is None else tuple(tag for tag in MERGE_TAGS if tag in tags)
    return (*known, *OWN_TAGS) if writes_to_its_own(unit, org_id) else known


def writes_to_its_own(unit: UnitOfWork, org_id: int) -> bool:
    """Whether an organisation's creatives are for its own customers: those of owners are."""
    return bool(unit.scalar("SELECT kind = 'owner' FROM organisation WHERE id = :org", org=org_id))


def set_merge_tags(unit: UnitOfWork, org_id: int, tags: Sequence[str]) -> None:
    """Say which merge tags an organisation may use."""
    unit.run(
        "INSERT INTO merge_tag_right (org_id, tags, set_by) VALUES (:org, :tags, :user)"
        " ON CONFLICT (org_id) DO UPDATE SET tags = excluded.tags, set_by = excluded.set_by, set_at = app_now()",
        org=org_id,
        tags=list(tags),
        user=unit.actor.user_id,
    )
