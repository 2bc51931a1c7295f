"""The jobs of bases: files read and written, snapshots, what is learnt of customers."""

from __future__ import annotations

from broker.audience.build_snapshot import build_snapshot
from broker.audience.compact import compact_base
from broker.audience.desk import CountDesk
from broker.audience.guard import few_match
from broker.audience.loaded import SnapshotCache
from broker.audience.local_client import LocalClient
from broker.audience.renew_snapshot import renew_snapshot
from broker.bases.answer_contact import answer_question
from broker.bases.check_upload import check_upload
from broker.bases.keep_days import read_calendar
from broker.bases.preview import preview_upload
from broker.bases.profile_store import supplied_since
from broker.bases.run_import import run_import
from broker.catalogue.refresh_cards import refresh_cards
from broker.insight.build_insight import build_insight
from broker.insight.customer_study import study_of
from broker.insight.find_customer import look_up_customer
from broker.insight.restudy import restudy_base
from broker.operate.jobs.means import Means, Work
from broker.rentals.end_quotes import end_quotes
from broker.suppression.key_list import key_suppression_list
from broker.suppression.read_feed import read_feed


def base_jobs(means: Means) -> Work:
    """Kind → function of a row's id."""
    database, settings = means.database, means.settings

    def study(snapshot_id: int) -> None:
        # Cards first: the findings mark the snapshot as done.
        cache = SnapshotCache(settings.state_dir / "snapshots", settings.audience.memory_mb, settings.audience.threads)
        refresh_cards(database, LocalClient(CountDesk(database, settings, cache)), snapshot_id, end_quotes)
        build_insight(database, settings, snapshot_id)

    def renew(base_id: int) -> None:
        with database.begin() as unit:
            lacking = supplied_since(unit, base_id) is not None
        if lacking:
            renew_snapshot(database, means.keys, settings, base_id, study_of)

    return {
        "import_base": lambda row_id: run_import(database, means.keys, settings, row_id),
        "preview_upload": lambda row_id: preview_upload(database, means.keys, settings, row_id),
        "check_upload": lambda row_id: check_upload(database, means.keys, settings, row_id),
        "import_purchases": lambda row_id: run_import(database, means.keys, settings, row_id),
        "answer_question": lambda row_id: answer_question(database, means.keys, settings, row_id),
        "build_snapshot": lambda row_id: build_snapshot(database, means.keys, settings, row_id, study_of=study_of),
        "renew_base": renew,
        "compact_base": lambda row_id: compact_base(database, means.keys, settings, row_id),
        "build_insight": study,
        "restudy_base": lambda row_id: restudy_base(database, means.keys, settings, row_id),
        "look_up_customer": lambda row_id: look_up_customer(database, means.keys, settings, row_id),
        "read_calendar": lambda row_id: read_calendar(database, settings, row_id),
        "read_suppression_feed": lambda row_id: read_feed(database, means.keys, settings, row_id, few_match),
        "key_suppression_list": lambda row_id: key_suppression_list(database, means.keys, settings, row_id, few_match),
    }
