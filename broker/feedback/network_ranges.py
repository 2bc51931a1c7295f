"""Which network addresses belong to data centres, read from `data/datacentre_ranges.txt` at first use."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from functools import cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, collapse_addresses, ip_address, ip_network
from pathlib import Path

RANGES = Path(__file__).parent / "data" / "datacentre_ranges.txt"


def is_datacentre(address: str) -> bool:
    """Whether a network address lies in one of the ranges; what is no address does not."""
    try:
        found = ip_address(address)
    except ValueError:
        return False
    if isinstance(found, IPv6Address) and found.ipv4_mapped is not None:
        found = found.ipv4_mapped
    starts, ends = _ranges(found.version)
    at = bisect_right(starts, int(found)) - 1
    return at >= 0 and int(found) <= ends[at]


@cache
def _ranges(version: int) -> tuple[list[int], list[int]]:
    """First and last addresses of the ranges of one version, in order."""
    lines = RANGES.read_text(encoding="utf-8").splitlines()
    networks = [ip_network(line) for line in lines if line and not line.startswith("#")]
    if version == 4:
        return _bounds(collapse_addresses(net for net in networks if isinstance(net, IPv4Network)))
    return _bounds(collapse_addresses(net for net in networks if isinstance(net, IPv6Network)))


def _bounds(networks: Iterable[IPv4Network] | Iterable[IPv6Network]) -> tuple[list[int], list[int]]:
    bounds: list[tuple[IPv4Address | IPv6Address, IPv4Address | IPv6Address]] = [
        (net.network_address, net.broadcast_address) for net in networks
    ]
    return [int(first) for first, _ in bounds], [int(last) for _, last in bounds]
