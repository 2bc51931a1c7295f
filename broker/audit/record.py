"""Record who did what to which object."""

from __future__ import annotations

import json
from typing import Any

from broker.audit import store
from broker.kernel.database import UnitOfWork
from broker.kernel.log import blot_out


def record(unit: UnitOfWork, action: str, object_kind: str, object_id: object, **detail: Any) -> None:
    """Append one entry to the chain in this transaction: `record(unit, "order.approved", "rental_order", code)`.

    The actor is the unit's. `detail` holds codes, states and figures; anything that looks like an address is blotted
    out before it is written, for an entry is never changed again. It takes its place in the chain at the commit.
    """
    store.append(unit, action, object_kind, str(blot_out(str(object_id))), json.dumps(blot_out(detail), default=str))
