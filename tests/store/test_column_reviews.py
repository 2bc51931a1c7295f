"""Columns with a few forbidden words go to the broker, whose verdict holds for the base's next files."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import Engine

from broker.bases.review_columns import decide_review, list_reviews
from broker.kernel.actor import Actor
from broker.kernel.errors import Conflict, Forbidden, InvalidInput
from tests.store.import_scene import Owner, make_owner

BROKER = Actor("broker", None)
# One word in 400 cells: less than the share that refuses a column.
FILE = "email;style\n" + "".join(f"p{n}@boite.example;{'musulman' if n == 7 else 'zen'}\n" for n in range(400))


@pytest.fixture
def owner(web_engine: Engine, worker_engine: Engine, admin_engine: Engine, tmp_path: Path) -> Owner:
    return make_owner(web_engine, worker_engine, admin_engine, tmp_path)


def waiting(owner: Owner) -> list[str]:
    with owner.front.begin(BROKER) as unit:
        return [item.code for item in list_reviews(unit).items if item.base_code == owner.base_code]


def test_a_near_miss_is_listed_once_a_base_with_its_words_and_no_cell(owner: Owner) -> None:
    owner.bring(FILE)
    second = owner.bring(FILE)
    with owner.front.begin(BROKER) as unit:
        (review,) = [item for item in list_reviews(unit).items if item.base_code == owner.base_code]
    assert (review.header, review.category, review.words) == ("style", "religion", ["musulman"])
    assert (review.found, review.filled, review.import_code) == (1, 400, second.code)
    assert review.verdict is None
    assert round(review.share, 4) == 0.0025


def test_a_refused_column_is_refused_in_the_next_file_with_the_brokers_reason(owner: Owner) -> None:
    assert owner.bring(FILE).summary["columns"]["style"] == "trait:style"
    (code,) = waiting(owner)
    with owner.front.begin(BROKER) as unit:
        decide_review(unit, code, "refused", "a proxy of faith")
    run = owner.bring(FILE)
    assert run.summary["columns"]["style"] == "refused"
    assert "a proxy of faith" in run.summary["refused_columns"][0]["why"]
    assert waiting(owner) == []


def test_an_allowed_column_is_not_listed_again_and_a_verdict_is_final(owner: Owner) -> None:
    owner.bring(FILE)
    (code,) = waiting(owner)
    with owner.front.begin(BROKER) as unit:
        decide_review(unit, code, "allowed", "a brand")
    assert owner.bring(FILE).summary["near_misses"] == {}
    assert waiting(owner) == []
    with owner.front.begin(BROKER) as unit:
        assert code in [item.code for item in list_reviews(unit, decided=True).items]
        with pytest.raises(Conflict, match="verdict already"):
            decide_review(unit, code, "refused", "no")


def test_only_the_broker_decides_and_says_why(owner: Owner) -> None:
    owner.bring(FILE)
    (code,) = waiting(owner)
    with owner.front.begin(BROKER) as unit, pytest.raises(InvalidInput, match="Say why"):
        decide_review(unit, code, "allowed", "  ")
    with owner.front.begin(BROKER) as unit, pytest.raises(InvalidInput, match="allowed or refused"):
        decide_review(unit, code, "maybe", "x")
    with owner.front.begin(owner.actor) as unit, pytest.raises(Forbidden):
        decide_review(unit, code, "allowed", "mine")
