"""The import job: an opened upload read in blocks, checked, sealed and written; then the snapshot build is asked for.

A job may die at any moment and be run again: it goes on after the last block that was committed. Imports of one base
wait for each other. An import adds and renews contacts; it never lifts an opt-out, which hangs on the contact's key.
"""

from __future__ import annotations

import psycopg
from sqlalchemy.exc import DBAPIError

from broker.audit.record import record
from broker.bases import import_store, mapping_store, store
from broker.bases.import_contacts import ContactImport
from broker.bases.import_purchases import read_purchases
from broker.bases.imports_meet import Cancelled, Follow, staging_of
from broker.bases.open_upload import opened_upload
from broker.bases.receive import destroy_ended_uploads
from broker.kernel.database import Database
from broker.kernel.errors import CourtierError, Unavailable
from broker.kernel.settings import Settings
from broker.vault.keyring import WorkerKeys


def run_import(
    database: Database, worker_keys: WorkerKeys, settings: Settings, import_id: int, follow: Follow | None = None
) -> None:
    """Run the import `import_id` to the point where its snapshot can be built.

    A file that cannot be imported ends the import as failed with its sentence; nothing is raised for it. `follow`
    hears of each block and its rejected rows, whole, in the caller's process.
    """
    with database.begin() as unit:
        run = store.run_by_id(unit, import_id)
    if run is None:
        return
    staging = staging_of(settings, run.id)
    with import_store.base_to_itself(database, run.base_id):
        with database.begin() as unit:
            taken = import_store.begin_reading(unit, import_id)
            upload = store.upload_by_id(unit, run.upload_id)
            remembered = mapping_store.remembered(unit, run.base_id, run.kind)
        if not taken:
            staging.forget()  # of an import that was stopped while nobody worked on it
            return
        try:
            with opened_upload(upload, worker_keys, settings) as stream:
                if run.kind == "contacts":
                    ContactImport(database, worker_keys, settings, run, upload, follow).read(stream, remembered)
                else:
                    read_purchases(database, worker_keys, settings, run, stream, follow, remembered)
        except Cancelled:
            staging.discard()
        except (Unavailable, DBAPIError, psycopg.OperationalError):
            raise  # the row still says reading: the job is asked for again, and goes on
        except CourtierError as error:
            staging.discard()
            with database.begin() as unit:
                import_store.fail(unit, import_id, error.sentence, error.code)
                record(unit, "import.failed", "import", run.code, code=error.code)
        except Exception:
            staging.discard()
            # A fault of ours would come again with every attempt: the owner is told, the fault is logged by the job.
            with database.begin() as unit:
                sentence = "Something unforeseen stopped this import. We have been told."
                import_store.fail(unit, import_id, sentence, "fault")
                record(unit, "import.failed", "import", run.code, code="fault")
            raise
        with database.begin() as unit:
            destroy_ended_uploads(unit, settings)
