"""Whom an advertiser may reach under a partner policy (DOMAIN, partner lists).

* `named_at_consent`: those whose consent knew a version that names it;
* `named_after_notice`: those, and whoever was told of it by a notice mailing since, once the waiting time of that
  notice is over. Who objected is suppressed, and stays out by that;
* `category`: those of `named_at_consent`, and whoever consented to a version that names its sector.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from broker.audience import partners_store as store
from broker.audience.loaded import LoadedSnapshot
from broker.audience.model import Mask
from broker.kernel.database import UnitOfWork

PartnerPolicy = Literal["named_at_consent", "named_after_notice", "category"]
POLICIES: tuple[PartnerPolicy, ...] = get_args(PartnerPolicy)


@dataclass(frozen=True, slots=True)
class Reach:
    """What decides the reach of one advertiser (None: of anybody named) in a base: list versions and people told."""

    versions: frozenset[int]
    told: NDArray[np.int64] = field(repr=False)

    @property
    def key(self) -> Hashable:
        """Equal for equal reaches."""
        return self.versions, len(self.told), hash(np.sort(self.told).tobytes())

    def mask(self, snapshot: LoadedSnapshot) -> Mask:
        """The rows of the snapshot that may be reached, as far as partners go."""
        versions = sorted(self.versions)
        reached = snapshot.where("partner_list", lambda named: np.isin(named, np.array(versions, dtype=np.int64)))
        if len(self.told):
            reached |= np.isin(snapshot.contact_ids, self.told)
        return reached


def reach_of(unit: UnitOfWork, base_id: int, advertiser_id: int | None, policy: str = "") -> Reach:
    """The reach under the base's own policy, or under another one for comparison."""
    policy = policy or store.policy_of(unit, base_id)
    versions = store.versions_naming(unit, base_id, advertiser_id)
    told = np.empty(0, dtype=np.int64)
    if policy == "named_after_notice":
        told = store.noticed(unit, base_id, advertiser_id)
    elif policy == "category" and advertiser_id is not None:
        versions |= store.versions_of_sector(unit, base_id, advertiser_id)
    return Reach(versions, told)
