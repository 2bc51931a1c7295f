"""Where an owner is paid: a new IBAN waits, and a second person approves it."""

from __future__ import annotations

import re
from datetime import timedelta

from stdnum import bic as bic_rules
from stdnum import iban as iban_rules
from stdnum.exceptions import ValidationError

from broker.audit.record import record
from broker.billing.bank import bank_store as store
from broker.billing.bank.bank_model import BankAccount
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import Conflict, Forbidden, InvalidInput, NotFound
from broker.kernel.ids import new_code


def propose_bank_account(
    unit: UnitOfWork, holder: str, iban: str, bic: str = "", org_code: str | None = None
) -> BankAccount:
    """Propose where an owner shall be paid; it replaces a proposal that still waits.

    The owner does so itself, or staff for it (`org_code`). Raises `InvalidInput` (`bad_iban`, `bad_bic`,
    `bad_holder`). Nothing is paid there before somebody else approved it and its waiting time is over.
    """
    unit.actor.require("owner", "broker", "accountant")
    org_id = unit.actor.org if org_code is None else store.org_id(unit, org_code)
    if org_id is None:
        raise NotFound(f"There is no organisation {org_code!r}.", field="organisation")
    holder = " ".join(holder.split())
    if not 1 <= len(holder) <= 70:
        raise InvalidInput("A holder's name has 1 to 70 characters.", code="bad_holder", field="holder")
    checked = checked_iban(iban)
    code = new_code("bank")
    store.insert_account(unit, code, org_id, holder, checked, _checked_bic(bic), unit.actor.require_person())
    record(unit, "bank_account.proposed", "bank_account", code, ends=checked[-4:])
    return _account(unit, code)


def approve_bank_account(unit: UnitOfWork, code: str) -> BankAccount:
    """Approve a proposed account: a second person of the staff. Raises `Forbidden` (`four_eyes`)."""
    unit.actor.require("broker", "accountant")
    account = _account(unit, code)
    if account.state != "proposed":
        raise Conflict(f"The account is {account.state}: only a proposed one is approved.", code="account_state")
    user = unit.actor.require_person()
    if user == account.proposed_by:
        raise Forbidden("Whoever proposed an account cannot approve it: another person must.", code="four_eyes")
    store.approve_account(unit, account.id, account.org_id, user)
    record(unit, "bank_account.approved", "bank_account", code, ends=account.iban[-4:])
    return _account(unit, code)


# EPC409-09, version 6.0: whose accounts a SEPA credit transfer reaches, by the letters their IBANs begin with.
SEPA = frozenset(
    "AD AL AT BE BG CH CY CZ DE DK EE ES FI FR GB GI GR HR HU IE IS IT LI LT LU LV MC MD ME MK MT NL NO PL PT RO RS SE"
    " SI SK SM VA".split()
)


def usable_account(unit: UnitOfWork, org_id: int, wait_hours: int) -> BankAccount | None:
    """The approved account of an organisation whose waiting time, from the proposal on, is over."""
    account = store.approved_account(unit, org_id)
    if account is None or account.proposed_at + timedelta(hours=wait_hours) > unit.now:
        return None
    return account


def checked_iban(iban: str) -> str:
    """The IBAN without spaces, its length and check digits verified (ISO 13616), of a country of SEPA.

    Raises `InvalidInput` (`bad_iban`, `not_sepa`).
    """
    try:
        found = str(iban_rules.validate(iban, check_country=False))  # lists of banks grow old
    except ValidationError as error:
        raise InvalidInput(
            "This IBAN is not valid: look at its digits again.", code="bad_iban", field="iban"
        ) from error
    if found[:2] not in SEPA:
        raise InvalidInput(
            f"A SEPA transfer cannot reach an account of the country {found[:2]}: name one within SEPA.",
            code="not_sepa",
            field="iban",
        )
    return found


def _checked_bic(bic: str) -> str | None:
    if not re.sub(r"\s", "", bic):
        return None
    try:
        return str(bic_rules.validate(bic))
    except ValidationError as error:
        raise InvalidInput("This BIC is not valid.", code="bad_bic", field="bic") from error


def _account(unit: UnitOfWork, code: str) -> BankAccount:
    found = store.account_by_code(unit, code)
    if found is None:
        raise NotFound(f"There is no bank account {code!r}.")
    return found
