"""The last look: people leave, by the verb behind the door that mail programmes use, while a mailing to them goes out.

Measured is how long after the beginning of a click the person's mail could still leave: the click begins before its
token is read, and a mail is taken to have left as late as its outcome was written. Both err to our disfavour. A mail
that had left before the click is none of it, one that was withheld neither.
"""

from __future__ import annotations

import random
import shutil
import tempfile
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from sqlalchemy import text

from broker.billing.accrue import accrue_sends
from broker.delivery.send_mailing import send_mailing
from broker.feedback.ask_briefly import AskBriefly
from broker.feedback.leave_together import LeaveTogether
from broker.kernel.database import Database, make_engine
from broker.kernel.errors import Conflict
from broker.kernel.settings import RelaySettings, Settings
from broker.mailings.model import Mailing
from broker.operate.bench.send_peers import sink
from broker.operate.bench.send_scene import make_mailing, make_scene
from broker.operate.bench.turns import Bench, Figure
from broker.operate.database_server import DatabaseServer, running_postgres
from broker.vault.keyring import FrontKeys, WorkerKeys, create_keys, load_worker
from broker.vault.tokens import make_tokens, read_token

SIZE = 2_000
CLICKERS = 4
WHOLE_SECONDS = 3600.0
_LEFT = """
SELECT count(*) AS clicks, count(*) FILTER (WHERE s.state = 'withheld') AS withheld,
  count(*) FILTER (WHERE s.state = 'accepted' AND s.outcome_at <= c.at) AS before,
  count(*) FILTER (WHERE s.state = 'accepted' AND s.outcome_at > c.at) AS after,
  coalesce(max(extract(epoch FROM s.outcome_at - c.at)) FILTER (WHERE s.state = 'accepted' AND s.outcome_at > c.at), 0)
    AS longest
FROM unnest(CAST(:positions AS integer[]), CAST(:moments AS double precision[])) AS k(position, moment)
CROSS JOIN LATERAL (SELECT to_timestamp(k.moment) AS at) c
JOIN send s ON s.dispatch_id = :dispatch AND s.mailing_id = :mailing AND s.position = k.position
"""


def run(settings: Settings, size: int | None, rounds: int) -> Bench:
    """Measure; `size` is how many people there are. The instance of `settings` is not touched."""
    folder = Path(tempfile.mkdtemp(prefix="courtier-bench-"))
    folder.chmod(0o711)  # the database's user passes through
    try:
        with sink(folder) as (port, _, name):
            scratch = replace(
                Settings(),
                instance=replace(settings.instance, name="bench", state_dir=str(folder / "state"), demo=True),
                mail=replace(Settings().mail, relays=(RelaySettings(port=port),)),
            )
            create_keys(scratch.key_dir, scratch.mail.sending_domain, scratch.mail.dkim_selector)
            with running_postgres(scratch) as server:
                return _measure(scratch, server, size or SIZE, rounds, name)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _measure(settings: Settings, server: DatabaseServer, size: int, rounds: int, sink_name: str) -> Bench:
    database, keys = Database(make_engine(server.url("worker"))), load_worker(settings.key_dir)
    public = Database(make_engine(server.url("public"), CLICKERS))
    scene = make_scene(database, keys, size)
    longest, notes = [], dict[str, object]()
    for _ in range(rounds):
        _come_back(server.url("admin"))
        mailing = make_mailing(database, scene)
        clicked = _leave_while_it_goes_out(database, public, keys, settings, mailing, size)
        with database.begin() as unit:
            found = unit.one(
                _LEFT,
                positions=list(clicked),
                moments=list(clicked.values()),
                dispatch=mailing.dispatch_id,
                mailing=mailing.id,
            )
        assert found is not None
        if found.clicks != found.withheld + found.before + found.after:
            raise Conflict("A person who left is in no known state.", code="mails_lost")
        longest.append(float(found.longest))
        notes = {
            "clicks of the last round": found.clicks,
            "withheld": found.withheld,
            "had left before": found.before,
            "left after the click began": found.after,
        }
    for each in (database, public):
        each.engine.dispose()
    return Bench("leave", "s, longest", Figure(tuple(longest)), {}, {}, {"sink": sink_name, "mails": size, **notes})


def _come_back(admin_url: str) -> None:
    """Nobody has left yet: a round needs its people, and a suppression is never lifted but in a scratch database."""
    engine = make_engine(admin_url)
    with engine.begin() as connection:
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        connection.execute(text("DELETE FROM suppression"))
    engine.dispose()


def _leave_while_it_goes_out(
    database: Database, public: Database, keys: WorkerKeys, settings: Settings, mailing: Mailing, size: int
) -> dict[int, float]:
    """Position → when its click began (seconds since 1970), for as many as the mailing lasts, in any order."""
    over = threading.Event()

    def send() -> None:
        try:
            send_mailing(database, keys, settings, mailing.id, accrue_sends, slice_seconds=WHOLE_SECONDS)
        finally:
            over.set()

    tokens = make_tokens(
        keys.front, "leave", mailing.dispatch_id, mailing.id, [(position, 0) for position in range(size)]
    )
    clicked: dict[int, float] = {}
    leaving = LeaveTogether(AskBriefly(public))
    sender = threading.Thread(target=send)
    sender.start()
    with ThreadPoolExecutor(CLICKERS) as clickers:
        order = random.sample(range(size), size)
        for first in range(CLICKERS):
            clickers.submit(_click, leaving, keys.front, tokens, order[first::CLICKERS], over, clicked)
    sender.join()
    return clicked


def _click(
    leaving: LeaveTogether,
    front: FrontKeys,
    tokens: list[str],
    positions: Sequence[int],
    over: threading.Event,
    clicked: dict[int, float],
) -> None:
    """Leave the base of one person after the other until the mailing is over."""
    for position in positions:
        if over.is_set():
            return
        began = time.time()
        ref = read_token(front, "leave", tokens[position])

        leaving.leave(ref, "base")
        clicked[position] = began
