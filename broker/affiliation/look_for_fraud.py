"""Job: look at a programme's recent leads and sales for signs of fraud, and write them with their evidence."""

from __future__ import annotations

import json

from broker.affiliation import fraud_store
from broker.affiliation.fraud_signs import signs_of
from broker.kernel.database import Database, UnitOfWork

DAYS = 7  # signs are looked for among the reports of so many days: clicks' devices are known for 90


def look_for_fraud(database: Database, programme_id: int) -> int:
    """Write the signs of a programme; how many conversions have some. Again is the same."""
    with database.begin() as unit:
        found = signs_of(fraud_store.traced(unit, programme_id, DAYS))
        for conversion_id, signs in found.items():
            for sign, evidence in signs.items():
                fraud_store.write_sign(unit, conversion_id, sign, json.dumps(evidence))
    return len(found)


def ask_for_fraud(unit: UnitOfWork) -> int:
    """Periodic: ask for a look at every programme with reports of the last hour; how many."""
    programmes = fraud_store.programmes_with_reports(unit, hours=1)
    for programme_id in programmes:
        unit.enqueue("look_for_fraud", programme_id)
    return len(programmes)
