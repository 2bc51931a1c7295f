"""People of a sent mailing whose rows are sealed in the vault, with an owner's references."""

from __future__ import annotations

import json

from sqlalchemy import text

from broker.kernel.database import Database
from broker.vault.data_keys import current_data_key
from broker.vault.keyring import WorkerKeys
from broker.vault.seal import seal_rows
from tests.store.feedback_scene import Scene


def seal_people(scene: Scene, database: Database, worker: WorkerKeys, people: int) -> list[int]:
    """Give the first sends of a scene a contact each (`p<n>@boite.example`, reference `C-<n>`); their ids."""
    with database.begin() as unit:
        version, key = current_data_key(unit, worker, scene.base_id)
    numbers = [20_000_000 + 1_000 * scene.base_id + position for position in range(1, people + 1)]
    plain = [json.dumps({"email": f"p{n}@boite.example", "reference": f"C-{n}"}) for n in range(1, people + 1)]
    sealed = seal_rows(key, scene.base_id, version, numbers, [one.encode() for one in plain])
    with scene.admin.begin() as connection:
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        for position, (number, row) in enumerate(zip(numbers, sealed, strict=True), start=1):
            connection.execute(
                text(
                    "INSERT INTO contact (id, base_id, contact_key, md5_key, sha256_key, pepper_version, key_version,"
                    " import_id, sealed) VALUES (:id, :base, :key, :key, :key, 1, :version, 0, :sealed)"
                ),
                {"id": number, "base": scene.base_id, "key": scene.key(position), "version": version, "sealed": row},
            )
            connection.execute(
                text("UPDATE send SET contact_id = :id WHERE dispatch_id = :dispatch AND position = :position"),
                {"id": number, "dispatch": scene.dispatch_id, "position": position},
            )
    return numbers
