"""The links of mailings, kept in memory: they were signed with the creative and never change."""

from __future__ import annotations

from broker.feedback import store
from broker.feedback.ask_briefly import AskBriefly
from broker.vault.tokens import TokenRef

MOST_MAILINGS = 2_000


class FrozenLinks:
    """Where a click leads, asked of the database once a mailing and process."""

    def __init__(self, database: AskBriefly) -> None:
        self._database = database
        self._links: dict[tuple[int, int], dict[int, str]] = {}

    def find(self, ref: TokenRef) -> str | None:
        """The frozen link of a click; None when the signed creative has none. Raises `Unavailable`."""
        mailing = (ref.dispatch_id, ref.mailing_id)
        links = self._links.get(mailing)
        if links is None:
            links = self._database.ask(lambda unit: store.frozen_links(unit, *mailing))
            if links:  # what is not there may come: only what is frozen is kept
                if len(self._links) >= MOST_MAILINGS:
                    self._links.clear()
                self._links[mailing] = links
        return links.get(ref.link)
