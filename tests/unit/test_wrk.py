"""Reading the load generator's report."""

from __future__ import annotations

import pytest

from broker.kernel.errors import Unavailable
from broker.operate.bench import wrk

REPORT = """Running 5s test @ http://127.0.0.1:1
  2 threads and 64 connections
  Latency Distribution
     50%    1.94ms
     99%  {p99}
  98765 requests in 5.00s, 20.11MB read
{more}Requests/sec:  19753.01
Transfer/sec:      4.02MB
"""


@pytest.mark.parametrize(("p99", "ms"), [("812.00us", 0.812), ("11.50ms", 11.5), ("1.02s", 1020.0)])
def test_rate_percentile_and_answers_are_read(p99: str, ms: float) -> None:
    found = wrk.read_report(REPORT.format(p99=p99, more=""))
    assert (found.rate, found.answers, found.wrong) == (19753.01, 98765, 0)
    assert found.p99_ms == pytest.approx(ms)


def test_wrong_answers_and_lost_connections_are_counted() -> None:
    more = "  Socket errors: connect 1, read 2, write 3, timeout 4\n  Non-2xx or 3xx responses: 30\n"
    assert wrk.read_report(REPORT.format(p99="1.00ms", more=more)).wrong == 40


def test_a_missing_tool_is_told_with_its_package() -> None:
    with pytest.raises(Unavailable, match="apt-get install nowhere-light"):
        wrk.tool("no-such-tool-at-all", "nowhere-light")
