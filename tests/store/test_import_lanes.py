"""Blocks made by helper processes are the blocks that one process makes."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import Engine

from broker.bases import import_lanes
from broker.kernel.errors import Unavailable
from tests.store.import_scene import PROOF, PROOF_HEADERS, Owner, make_owner

ROWS = "".join(
    f"p{number}@boite.example;Nom{number};C{number};{'75002' if number % 3 else '1000'};{PROOF}\n"
    for number in range(300)
)
FILE = f"email;nom;ref client;cp;{PROOF_HEADERS}\n{ROWS}no address;x;;;\np7@boite.example;again;;;\n"


@pytest.fixture
def owner(web_engine: Engine, worker_engine: Engine, admin_engine: Engine, tmp_path: Path) -> Owner:
    return make_owner(web_engine, worker_engine, admin_engine, tmp_path)


def test_helpers_and_one_process_arrive_at_the_same(owner: Owner, monkeypatch: pytest.MonkeyPatch) -> None:
    alone = owner.bring(FILE)
    vault, staged = owner.opened(), owner.staged(alone)
    monkeypatch.setattr(import_lanes, "WORTH_LANES", 0)
    helped = owner.bring(FILE)
    assert (helped.accepted, helped.rejected, helped.duplicates, helped.rentable, helped.summary) == (
        alone.accepted, alone.rejected, alone.duplicates, alone.rentable, alone.summary
    )  # fmt: skip
    assert helped.outcome == {"known": 300, "unchanged": 300}
    assert owner.opened() == vault
    # What the file does not say of a known person is null, so that the build keeps what it knew.
    said = ("contact_id", "contact_key", "postcode", "commune", "consent_at", "consent_source_id", "consent_complete")
    assert [[row[name] for name in said] for row in owner.staged(helped)] == [
        [row[name] for name in said] for row in staged
    ]


def test_a_helper_that_ends_leaves_the_import_to_be_taken_up_again(
    owner: Owner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(import_lanes, "WORTH_LANES", 0)
    monkeypatch.setattr(import_lanes, "_START", "raise SystemExit(3)")
    run = owner.upload(FILE)
    with pytest.raises(Unavailable, match="goes on"):
        owner.run(run)
    assert owner.find(run).state == "reading"
    monkeypatch.undo()
    assert owner.run(run).accepted == 300
