"""A parser that calls itself for each element inside another needs room: a message may not end the process.

Thousands of elements that are never closed overflow the stack of the thread that reads them, which no `except` catches.
So they are counted first; a document with many is read by a thread with a stack of its own size.
"""

from __future__ import annotations

import re
import threading
from collections import Counter
from collections.abc import Callable
from typing import Final, TypeVar

from broker.mailings.html_tokens import VOID, words

Result = TypeVar("Result")

_TAG: Final = re.compile(r"<(/?)([a-z][^\s/>]*)", re.IGNORECASE)
_SHALLOW: Final = 200  # levels that any thread's stack holds: some 100 kB
_STACK: Final = 128 * 2**20  # bytes; a level takes under 1 kB, one that is counted stands for four at most
# A sibling closes them: they are inside one another only with others between, which are counted.
_CLOSED_BY_SIBLINGS: Final = words("a body dd dt head html li option p tbody td tfoot th thead tr") | VOID
_one_at_a_time = threading.Lock()  # the size of the next thread's stack is the process's


def deeper_than(source: str, most: int) -> bool:
    """Whether more elements may stand open at once; says yes too early rather than too late."""
    counted: Counter[str] = Counter()
    depth = 0
    for tag in _TAG.finditer(source):
        name = tag[2].lower()
        if name in _CLOSED_BY_SIBLINGS:
            continue
        if not tag[1]:
            counted[name] += 1
            depth += 1
            if depth > most:
                return True
        elif counted[name]:
            counted[name] -= 1
            depth -= 1
    return False


def parse_deep(parse: Callable[[str], Result], source: str) -> Result:
    """`parse(source)`, with a large stack where the source needs one."""
    if not deeper_than(source, _SHALLOW):
        return parse(source)
    results: list[Result] = []
    failures: list[BaseException] = []

    def run() -> None:
        try:
            results.append(parse(source))
        except Exception as failure:  # raised again where it is awaited
            failures.append(failure)

    with _one_at_a_time:
        before = threading.stack_size(_STACK)
        try:
            thread = threading.Thread(target=run, name="parse")
            thread.start()
        finally:
            threading.stack_size(before)
    thread.join()
    if failures:
        raise failures[0]
    return results[0]
