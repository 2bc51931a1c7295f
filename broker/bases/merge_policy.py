"""What happens to a field that both the base and the file have: said per field before the import runs.

* `non_empty` (the default): the file's value, unless it is empty;
* `newest`: the file's value, also when it is empty;
* `keep`: the base's value, unless it is empty.

Consent and relation follow the law and the purchases instead: a policy on them is refused.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping

from broker.bases.fields import IGNORE, PROOF_FIELDS, TRAIT, known_fields
from broker.kernel.errors import InvalidInput

POLICIES = ("non_empty", "newest", "keep")
FIXED = frozenset({"email", "reference", "relation", "consent", "consent_withdrawn", "consent_ip", *PROOF_FIELDS})
# The columns of a snapshot that come from one field of a file.
_COLUMNS_OF = {
    "postcode": ("postcode", "commune", "department", "region", "country"),
    "birth_date": ("birth_date", "minor"),
    "birth_year": ("birth_date", "minor"),
    "age": ("minor",),
    "phone": ("has_phone",),
    "mobile": ("has_phone",),
    "street": ("has_street",),
}


def default_policy(field: str) -> str | None:
    """The policy of a field that nobody said anything about; None where none applies."""
    return None if field == IGNORE or field in FIXED else POLICIES[0]


def checked_policies(policies: Mapping[str, str]) -> dict[str, str]:
    """Field → policy, refused with the nearest word where either is unknown."""
    fields = known_fields("contacts")
    for field, policy in policies.items():
        if policy not in POLICIES:
            near = difflib.get_close_matches(policy, POLICIES, n=1, cutoff=0.3)
            hint = f" Did you mean '{near[0]}'?" if near else f" There are {', '.join(POLICIES)}."
            raise InvalidInput(f"There is no merge policy '{policy}'.{hint}", code="unknown_policy", field=field)
        if field in FIXED:
            raise InvalidInput(f"'{field}' follows rules of its own; no policy changes it.", code="fixed", field=field)
        if not field.startswith(TRAIT) and field not in fields:
            near = difflib.get_close_matches(field, fields, n=1, cutoff=0.5)
            hint = f" Did you mean '{near[0]}'?" if near else ""
            raise InvalidInput(f"There is no field '{field}'.{hint}", code="unknown_field", field=field)
    return {field: policy for field, policy in policies.items() if policy != POLICIES[0]}


def snapshot_policies(policies: Mapping[str, str]) -> dict[str, str]:
    """Policies by column of the snapshot."""
    return {
        column: policy
        for field, policy in policies.items()
        for column in ((field.removeprefix(TRAIT),) if field.startswith(TRAIT) else _COLUMNS_OF.get(field, (field,)))
    }
