"""Tables of the command line."""

from __future__ import annotations

import pytest

from broker.operate.output import print_table


def test_a_code_stays_in_one_piece_on_a_narrow_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(
        ["code", *(f"column {number}" for number in range(5))], [["mailing_ecz9b7tk7rk2", *["2026-11-25 07:55"] * 5]]
    )
    assert "mailing_ecz9b7tk7rk2" in capsys.readouterr().out
