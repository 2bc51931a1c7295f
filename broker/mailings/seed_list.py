"""The control addresses of one mailing, each made its own; how the freeze adds them behind the recipients."""

from __future__ import annotations

from broker.kernel.database import UnitOfWork
from broker.kernel.settings import MailSettings
from broker.mailings.freeze_store import FrozenSeed
from broker.mailings.seeds import new_tag, seed_domain, seed_info, seed_person
from broker.mailings.store import seeds_of
from broker.vault.blind_index import contact_keys
from broker.vault.keyring import WorkerKeys
from broker.vault.open import open_message


def seed_list(
    unit: UnitOfWork,
    worker_keys: WorkerKeys,
    mail: MailSettings,
    owner_id: int,
    advertiser_id: int,
    taken: set[bytes],
    start: int,
) -> list[FrozenSeed]:
    """The seeds of owner, advertiser and broker from position `start` on; `taken` are the recipients' keys.

    A mailbox that is a recipient anyway, or that two organisations name, is written to once.
    """
    domain = seed_domain(mail)
    seeds: list[FrozenSeed] = []
    for row in seeds_of(unit, owner_id, advertiser_id):
        plain = ""
        if row.sealed is not None:
            plain = open_message(worker_keys, bytes(row.sealed), seed_info(row.org_id)).decode()
        tag = None if row.style == "plain" else new_tag()
        keys = contact_keys(worker_keys, [plain, seed_person(row.style, plain, tag, domain)["email"]])
        known = {keys[1]} if row.style == "house" else set(keys)
        if known & taken:
            continue
        taken |= known
        seeds.append(FrozenSeed(start + len(seeds), row.id, keys[1], tag))
    return seeds
