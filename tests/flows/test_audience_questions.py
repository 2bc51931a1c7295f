"""What the front can ask is what the audience process answers: no question without somebody who knows it."""

from __future__ import annotations

import inspect
import re

from broker.audience import client
from broker.audience.desk import ABOUT_CARDS
from broker.operate.processes.audience import QUESTIONS


def test_the_process_knows_every_question_of_its_client() -> None:
    asked = set(re.findall(r'self\.ask\(\s*"(\w+)"', inspect.getsource(client)))
    assert len(asked) > 6
    assert asked - {"count_for_owner"} == {*ABOUT_CARDS, *QUESTIONS}
