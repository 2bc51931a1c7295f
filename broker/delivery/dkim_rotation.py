"""DKIM keys renewed by turns under two selectors, so that nobody who delegated a domain publishes anything anew.

An owner's subdomain points to both selectors of the platform from the start. One signs; a new key is made under the
other, its record published by the operator and seen in the DNS; then it signs, and the former key's record stays until
no mail signed with it is on its way any more. The front holds no private key: it writes a wish, a worker carries it
out.

| state   | means                                            | next                                                  |
| ------- | ------------------------------------------------ | ----------------------------------------------------- |
| waiting | made, or about to be; its record is looked for   | signs (record seen, domains point to it), retired     |
| signs   | mails are signed with it                         | leaving (another signs)                               |
| leaving | its record must stay published                   | retired (OVERLAP_DAYS later), signs                   |
| retired | destroyed; its selector is free for the next key |                                                       |
"""

from __future__ import annotations

from collections.abc import Sequence

from broker.audit.record import record
from broker.delivery import dkim_store as store
from broker.delivery.dkim_model import KeptKey
from broker.delivery.sending_domain import selectors
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import Conflict, InvalidInput, NotFound
from broker.kernel.ids import new_code
from broker.kernel.settings import MailSettings

WISHES = ("look", "sign", "retire")


def list_kept_keys(unit: UnitOfWork, mail: MailSettings) -> list[KeptKey]:
    """The keys of the sending domain that are not retired."""
    unit.actor.require("broker")
    return store.keys_of(unit, mail.sending_domain)


def ask_new_key(unit: UnitOfWork, mail: MailSettings) -> str:
    """Have a key made under the selector that is free; its code. Raises `selectors_taken`."""
    unit.actor.require("broker")
    taken = {key.selector for key in store.keys_of(unit, mail.sending_domain)}
    if not taken:
        raise Conflict("The key that signs now is not noted yet: try again in some minutes.", code="keys_not_noted")
    free = [selector for selector in selectors(mail) if selector not in taken]
    if not free:
        raise Conflict(
            "Both selectors have a key: retire the one that no longer signs before a new one is made.",
            code="selectors_taken",
        )
    code = new_code("dkim")
    number = store.add(unit, code, mail.sending_domain, free[0])
    unit.enqueue("tend_dkim_key", number)
    record(unit, "dkim.asked", "dkim_key", code, selector=free[0])
    return code


def ask_for_key(unit: UnitOfWork, code: str, wish: str) -> None:
    """Have a key looked up, sign, or retire. What cannot be is refused here; the worker checks it again."""
    unit.actor.require("broker")
    key = store.key_by_code(unit, code)
    if key is None:
        raise NotFound(f"There is no DKIM key {code!r}.")
    if wish not in WISHES:
        raise InvalidInput(f"A key can {', '.join(WISHES)}.", code="bad_wish")
    check_wish(unit, key, wish)
    store.set_wish(unit, key.id, wish)
    unit.enqueue("tend_dkim_key", key.id)
    record(unit, f"dkim.{wish}_asked", "dkim_key", code)


def check_wish(unit: UnitOfWork, key: KeptKey, wish: str) -> None:
    """Refuse a change that would let mail leave with a signature that nobody can verify."""
    if wish == "sign":
        _check_ready(unit, key)
    elif wish == "retire":
        if key.state == "signs":
            raise Conflict("This key signs: let the other one sign first.", code="selector_signs")
        if key.state == "leaving" and key.free_from is not None and unit.now < key.free_from:
            raise Conflict(
                f"Mail signed with this key may be on its way until {key.free_from.date().isoformat()}: its record must"
                " stay published until then.",
                code="overlap_runs",
                details={"until": key.free_from.date().isoformat()},
            )


def check_not_kept(unit: UnitOfWork, domain: str, selector: str) -> None:
    """Refuse to make a key on the ring under a selector that has one: the newer would be used, or the older lost."""
    if any(key.selector == selector for key in store.keys_of(unit, domain)):
        raise Conflict(
            f"{domain} has a key with the selector {selector} already: choose another.", code="selector_taken"
        )


def check_retirable(unit: UnitOfWork, domain: str, selector: str) -> None:
    """Refuse to take a key off the ring that is not there, or whose mails may be on their way."""
    if any((row.domain, row.selector) == (domain, selector) for row in store.private_keys(unit)):
        raise Conflict(
            f"The key {selector} of {domain} was made on the page Delivery, Signing keys: retire it there.",
            code="key_of_page",
        )
    for key in store.keys_of(unit, domain):
        if key.selector == selector:
            check_wish(unit, key, "retire")


def _check_ready(unit: UnitOfWork, key: KeptKey) -> None:
    if key.state == "signs":
        raise Conflict("This key signs already.", code="selector_signs")
    if key.finding != "ok":
        raise Conflict("Its record is not seen in the DNS yet: publish it, then look again.", code="record_missing")
    lacking = store.domains_without(unit, key.selector)
    if lacking:
        raise Conflict(
            f"{len(lacking)} delegated domains do not point to {key.selector}: {named(lacking)}. Their owners publish"
            " the second CNAME that their page shows.",
            code="domains_lack_selector",
            details={"domains": len(lacking)},
        )


def named(names: Sequence[str]) -> str:
    """The first names of a list."""
    return ", ".join(names[:3]) + (" …" if len(names) > 3 else "")
