"""Files that are not whole yet: nothing of them is left, whatever ended the command."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from broker.operate.set_aside import PREFIX, set_aside


def test_a_request_to_end_leaves_nothing_and_the_old_file_untouched(tmp_path: Path) -> None:
    old = tmp_path / "fec.txt"
    old.write_text("whole")
    before = signal.getsignal(signal.SIGTERM)

    def write_half() -> None:
        with set_aside(tmp_path) as aside:
            (aside / "fec.txt").write_text("ha")
            os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(KeyboardInterrupt):
        write_half()
    assert [path.name for path in tmp_path.iterdir()] == ["fec.txt"]
    assert old.read_text() == "whole"
    assert signal.getsignal(signal.SIGTERM) is before


def test_what_a_killed_command_left_is_removed_and_what_another_writes_is_not(tmp_path: Path) -> None:
    gone = os.fork()
    if gone == 0:
        os._exit(0)
    os.waitpid(gone, 0)
    (tmp_path / f"{PREFIX}{gone}-x").mkdir()
    (tmp_path / f"{PREFIX}{gone}-x" / "half.csv").write_text("ha")
    (tmp_path / f"{PREFIX}{os.getppid()}-y").mkdir()
    (tmp_path / f"{PREFIX}mine").mkdir()  # not one of ours
    with set_aside(tmp_path):
        pass
    assert {path.name for path in tmp_path.iterdir()} == {f"{PREFIX}{os.getppid()}-y", f"{PREFIX}mine"}
