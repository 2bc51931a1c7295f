"""Make sure that the person at the keyboard is who is logged in: by the second factor, or by the password."""

from __future__ import annotations

from typing import Literal

from broker.accounts import people_store
from broker.accounts.second_factor import passes_second_factor
from broker.accounts.secrets import password_matches
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import Forbidden, InvalidInput
from broker.vault.keyring import FrontKeys

Proof = Literal["password", "one_time_code"]


def confirm_person(unit: UnitOfWork, front: FrontKeys, *, password: str = "", code: str = "") -> Proof:
    """How the acting person proved to be there: who has a second factor by a fresh code of it, others by the password.

    Raises `Forbidden` (`user_needed`), `InvalidInput` (`wrong_code`, `wrong_password`). Doors bound how often it is
    asked.
    """
    if unit.actor.user_id is None:
        raise Forbidden("Only a person signs: log in as one.", code="user_needed")
    found = people_store.own_second_factor(unit)
    if found is not None and found.confirmed:
        if not passes_second_factor(unit, front, code):
            raise InvalidInput(
                "This code is not right, or was used already. Type the code that your device shows now.",
                code="wrong_code",
                field="code",
            )
        return "one_time_code"
    if not password_matches(people_store.own_password_hash(unit), password):
        raise InvalidInput("The password is wrong.", code="wrong_password", field="password")
    return "password"
