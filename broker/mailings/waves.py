"""How a mailing is cut into parts that leave one after the other. Pure.

Positions are in the random order of the draw, so each part is a random sample of the whole. The test group of a
subject test goes first; what is left of the recipients is cut by the waves' shares. Seeds leave with the first part.
"""

from __future__ import annotations

from collections.abc import Sequence

from broker.kernel.errors import InvalidInput

MOST_WAVES = 20
GAPS = (1, 20_160)  # minutes: two weeks at most
FEWEST_TESTED = 2  # of each variant


def check_shares(shares: Sequence[int], gap_minutes: int) -> tuple[int, ...]:
    """Shares in whole per cents that make 100 together; none: all at once. Raises `InvalidInput`."""
    if not shares:
        return ()
    if len(shares) > MOST_WAVES or any(share < 1 for share in shares) or sum(shares) != 100:
        raise InvalidInput(
            f"Write up to {MOST_WAVES} shares of at least 1 per cent that make 100 together, such as 10, 30, 60;"
            f" these make {sum(shares)}.",
            code="bad_waves",
            field="shares",
        )
    if not GAPS[0] <= gap_minutes <= GAPS[1]:
        raise InvalidInput(
            f"The gap between two waves is {GAPS[0]} to {GAPS[1]:,} minutes.", code="bad_gap", field="gap_minutes"
        )
    return tuple(shares)


def read_shares(text: str) -> tuple[int, ...]:
    """Shares as people write them: `10, 30, 60` or `10 30 60 %`. Raises `InvalidInput`."""
    words = text.replace("%", " ").replace(",", " ").replace(";", " ").replace("+", " ").split()
    try:
        return tuple(int(word) for word in words)
    except ValueError:
        raise InvalidInput(
            "Write the waves' shares as whole per cents, such as 10, 30, 60.", code="bad_waves", field="shares"
        ) from None


def test_group(recipients: int, share_percent: int, variants: int) -> int:
    """How many are in a test group: a multiple of the variants, so that each gets as many; 0 where it would be none.

    A list too short for a test is no test: everybody gets variant A.
    """
    size = recipients * share_percent // 100 // variants * variants
    return size if size >= FEWEST_TESTED * variants else 0


def wave_ends(recipients: int, tested: int, shares: Sequence[int]) -> list[int]:
    """The position behind each wave, in order; waves of nobody are left out. The last one is `recipients`."""
    ends: list[int] = []
    so_far = 0
    for share in shares or (100,):
        so_far += share
        end = tested + (recipients - tested) * so_far // 100
        if end > (ends[-1] if ends else tested):
            ends.append(end)
    return ends
