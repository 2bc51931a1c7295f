"""How far a sample may be trusted."""

from __future__ import annotations

from math import sqrt

Z_95 = 1.959963984540054  # the normal distribution's quantile for 95 %, two-sided


def wilson(hits: int, size: int, z: float = Z_95) -> tuple[float, float]:
    """The score interval of a share: between which two shares the true one lies, 95 times in 100.

    E. B. Wilson, "Probable Inference", JASA 22 (1927) 209-212. Unlike the normal interval it stays within 0 and 1 and
    holds for small samples and for shares near either end. Raises ValueError unless 0 <= hits <= size, size > 0.
    """
    if not 0 <= hits <= size or not size:
        raise ValueError("A share needs a sample, and no more hits than it has members.")
    share, z2 = hits / size, z * z
    middle = (share + z2 / (2 * size)) / (1 + z2 / size)
    half = z / (1 + z2 / size) * sqrt(share * (1 - share) / size + z2 / (4 * size * size))
    return (0.0 if hits == 0 else max(0.0, middle - half), 1.0 if hits == size else min(1.0, middle + half))
