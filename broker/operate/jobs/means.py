"""What jobs work with."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from broker.billing.gateway.choose_gateway import choose_gateway
from broker.billing.gateway.gateway import Gateway
from broker.delivery.tend_dkim_key import Signing
from broker.kernel.database import Database
from broker.kernel.settings import Settings
from broker.vault.current_ring import CurrentRing
from broker.vault.keyring import WorkerKeys

# Kind of job → function of a row's id.
Work = Mapping[str, Callable[[int], object]]


@dataclass(frozen=True)
class Means:
    """What jobs work with. `stopping` is set when the worker was asked to end."""

    database: Database
    ring: CurrentRing
    settings: Settings
    stopping: threading.Event

    @property
    def keys(self) -> WorkerKeys:
        """The ring of this moment: each job asks when it starts, so that a rotation needs no restart."""
        return self._signing.keys()

    @property
    def signing(self) -> Settings:
        """The settings with the DKIM selector that signs at this moment."""
        return self._signing.now()

    @property
    def _signing(self) -> Signing:
        return Signing(self.database, self.ring, self.settings)

    def gateway(self) -> Gateway:
        """The payment gateway of the settings; raises `Conflict` (`no_gateway`) where there is none."""
        return choose_gateway(self.settings, self.database)
