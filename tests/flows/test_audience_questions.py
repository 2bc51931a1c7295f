"""What the front can ask is what the audience process answers: no question without somebody who knows it."""

from __future__ import annotations

import re
from pathlib import Path

from broker.audience.desk import ABOUT_CARDS
from broker.operate.processes.audience import QUESTIONS

TOP = Path(__file__).parents[2]


def test_the_process_knows_every_question_that_is_asked_anywhere() -> None:
    sources = "".join(
        path.read_text("utf-8") for room in ("broker", "api", "web") for path in (TOP / room).rglob("*.py")
    )
    asked = set(re.findall(r'\.ask\(\s*"(\w+)"', sources))
    assert {"count_for_owner", "own_profile", "overlap"} <= asked
    assert asked - {"count_for_owner"} == {*ABOUT_CARDS, *QUESTIONS}
