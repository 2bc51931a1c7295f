"""Blocks of an import made beside each other, each in a process of its own, and given out in the file's order.

A lane is told what it needs through a pipe (never by arguments or the environment), has a connection of its own for
look-ups, and ends when the pipe does: a killed worker leaves none behind.
"""

from __future__ import annotations

import os
import subprocess
import sys
import traceback
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from broker.bases.import_block import BlockMaker, DoneBlock, LaneFault, Plan
from broker.bases.read_table import Piece
from broker.kernel.database import Database, make_engine
from broker.kernel.errors import CourtierError, Unavailable

LANES = 2
WORTH_LANES = 64 << 20  # bytes of a file: to start lanes costs what 100,000 rows cost, 27 MB of them
# pyarrow loads pandas where it finds it, for nothing that a lane does: two seconds of each start.
_START = """
import sys
class NoPandas:
    @staticmethod
    def find_spec(name, *_):
        if name == "pandas":
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, NoPandas)
from multiprocessing.connection import Connection
from broker.bases.import_lanes import serve
serve(Connection(int(sys.argv[1])))
"""
Integers = npt.NDArray[np.int64]
Work = tuple[Piece, Integers]


def lanes_for(size_bytes: int) -> int:
    """How many processes a file of this size is worth, 0 for none but our own."""
    return min(LANES, len(os.sched_getaffinity(0))) if size_bytes >= WORTH_LANES else 0


def made_blocks(plan: Plan, database: Database, work: Iterable[Work], count: int) -> Iterator[tuple[Piece, DoneBlock]]:
    """The blocks of all pieces, in their order; each lane holds one piece at a time, so memory stays bounded."""
    if not count:
        maker = BlockMaker(plan, database)
        for piece, ids in work:
            yield piece, maker.make(piece, ids)
        return
    with ExitStack() as lanes:
        free = deque(lanes.enter_context(_lane(plan, database)) for _ in range(count))
        busy: deque[tuple[Connection, Piece]] = deque()
        for piece, ids in work:
            if not free:
                lane, earlier = busy.popleft()
                done = _receive(lane)
                _hand_over(lane, piece, ids)
                busy.append((lane, piece))
                yield earlier, done
                continue
            lane = free.popleft()
            _hand_over(lane, piece, ids)
            busy.append((lane, piece))
        while busy:
            lane, earlier = busy.popleft()
            yield earlier, _receive(lane)


@contextmanager
def _lane(plan: Plan, database: Database) -> Iterator[Connection]:
    ours, theirs = Pipe()
    command = [sys.executable, "-c", _START, str(theirs.fileno())]
    with subprocess.Popen(command, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL) as process:
        theirs.close()
        try:
            ours.send((database.engine.url.render_as_string(hide_password=False), plan))
            yield ours
        finally:
            ours.close()  # where it waits for work it ends by itself
            if sys.exc_info()[0] is not None:
                process.kill()


def _hand_over(lane: Connection, piece: Piece, ids: Integers) -> None:
    try:
        lane.send((piece, ids))
    except OSError:
        raise _ended() from None


def _receive(lane: Connection) -> DoneBlock:
    try:
        done: DoneBlock | CourtierError | LaneFault = lane.recv()
    except (EOFError, OSError):
        raise _ended() from None
    if isinstance(done, Exception):
        raise done
    return done


def _ended() -> Unavailable:
    return Unavailable(
        "A helper process of the import ended; the import goes on from its last block.", code="lane_ended"
    )


def serve(connection: Connection) -> None:
    """The lane's side: make blocks until the other end is gone."""
    pa.set_cpu_count(1)
    try:
        url, plan = connection.recv()
        database = Database(make_engine(url.replace("postgresql+psycopg://", "postgresql://", 1), 1))
        maker = BlockMaker(plan, database)
        while True:
            piece, ids = connection.recv()
            connection.send(_made(maker, piece, ids))
    except (EOFError, OSError, KeyboardInterrupt):
        return


def _made(maker: BlockMaker, piece: Piece, ids: Integers) -> Any:
    try:
        return maker.make(piece, ids)
    except Unavailable as error:
        return Unavailable(error.sentence)
    except Exception as error:
        places = "".join(traceback.format_tb(error.__traceback__)[-4:])
        return LaneFault(f"{type(error).__name__} in a lane of an import:\n{places}")
