"""Seeds: control addresses of owner, advertiser and broker, put into each send to see that it arrives as agreed.

Each mailing gets an address of its own of each seed, so that a mail to it tells which list was copied:

| style | written to | |
| --- | --- | --- |
| `plus` | `local+<tag>@domain` | sub-address (RFC 5233) of the organisation's mailbox; its mail is forwarded to us |
| `house` | `first.last.<tag>@seed domain` | a mailbox of ours, another name for each mailing |
| `plain` | the address as it is | for servers without sub-addresses: arrivals only, no leak can be told |
"""

from __future__ import annotations

import hashlib
import re
import secrets

from broker.audit.record import record
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import InvalidInput, NotFound
from broker.kernel.ids import ALPHABET
from broker.kernel.settings import MailSettings
from broker.mailings import store
from broker.mailings.model import SeedAddress
from broker.vault.blind_index import normalise
from broker.vault.keyring import FrontKeys
from broker.vault.seal import seal_message

STYLES = ("plus", "plain", "house")
TAG_LENGTH = 10
MOST_SEEDS = 50
_TAG = re.compile(rf"[.+]([{ALPHABET}]{{{TAG_LENGTH}}})$")
FIRST_NAMES = ("claire", "julien", "sophie", "marc", "helene", "antoine", "camille", "nicolas", "laure", "thomas")
LAST_NAMES = ("moreau", "lambert", "girard", "roussel", "fontaine", "mercier", "chevalier", "perrin", "robin", "masson")


def seed_info(org_id: int) -> str:
    """What a sealed seed address is bound to."""
    return f"seed address|{org_id}"


def add_seed_address(unit: UnitOfWork, front: FrontKeys, address: str, style: str = "plus") -> None:
    """Add a control address of the actor's organisation; sealed at once, it can only be opened by workers.

    A `house` seed has no address: the platform makes one for each mailing. Raises `bad_style`, `bad_address`,
    `too_many_seeds`.
    """
    unit.actor.require("owner", "advertiser", "broker")
    if style not in STYLES:
        raise InvalidInput(f"Choose one of {', '.join(STYLES)}.", code="bad_style", field="style")
    if len(store.seeds_of_org(unit, unit.actor.org)) >= MOST_SEEDS:
        raise InvalidInput(f"At most {MOST_SEEDS} control addresses.", code="too_many_seeds", field="address")
    sealed = None
    if style != "house":
        plain = normalise(address)
        local, _, domain = plain.partition("@")
        if not local or "." not in domain or any(char.isspace() for char in plain):
            raise InvalidInput("This is not an e-mail address.", code="bad_address", field="address")
        sealed = seal_message(front, plain.encode(), seed_info(unit.actor.org))
    store.add_seed(unit, unit.actor.org, sealed, style)
    record(unit, "seed.added", "organisation", unit.actor.org, style=style)


def end_seed_address(unit: UnitOfWork, code: str) -> None:
    """Take a control address out of mailings to come; what was sent to it still tells of leaks."""
    unit.actor.require("owner", "advertiser", "broker")
    if not store.end_seed(unit, unit.actor.org, code):
        raise NotFound("There is no such control address.", code="seed_not_found")
    record(unit, "seed.ended", "organisation", unit.actor.org, seed=code)


def list_seed_addresses(unit: UnitOfWork) -> list[SeedAddress]:
    """The control addresses of the actor's organisation, oldest first; nobody here can read them."""
    unit.actor.require("owner", "advertiser", "broker")
    return store.seeds_of_org(unit, unit.actor.org)


def new_tag() -> str:
    """What makes a seed's address one mailing's own: random, so that no other can be guessed from it."""
    return "".join(secrets.choice(ALPHABET) for _ in range(TAG_LENGTH))


def tags_in(address: str) -> list[str]:
    """What may be a seed's tag in an address: behind the last dot or plus of its local part."""
    found = _TAG.search(address.strip().lower().rpartition("@")[0])
    return [found[1]] if found else []


def seed_domain(mail: MailSettings) -> str:
    """The domain of the platform's own control mailboxes: where the door for returned mail listens."""
    return (mail.seed_domain or mail.bounce_domain).lower()


def seed_person(style: str, address: str, tag: str | None, domain: str) -> dict[str, str]:
    """The recipient that a seed is in one mailing. `address` is the opened one, empty for `house`."""
    if style == "house":
        digest = hashlib.blake2b((tag or "").encode(), digest_size=2).digest()
        first, last = FIRST_NAMES[digest[0] % len(FIRST_NAMES)], LAST_NAMES[digest[1] % len(LAST_NAMES)]
        return {
            "email": f"{first}.{last}.{tag}@{domain}",
            "first_name": first.capitalize(),
            "last_name": last.capitalize(),
        }
    if style == "plus" and tag:
        local, _, host = address.rpartition("@")
        return {"email": f"{local}+{tag}@{host}"}
    return {"email": address}
