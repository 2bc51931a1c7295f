"""The name a mail shows as its sender: it says who speaks, and is neither an address nor a trick.

The address behind it is ours for every mailing, `<base code>@<sending domain>`: replies come to us and are answered
without anybody learning the reader's address (feedback, "Letters"). A name that shows another address would make
readers believe that they write there, and L34-5 CPCE forbids hiding for whom a mail is sent.
"""

from __future__ import annotations

import re
import unicodedata

from broker.kernel.errors import InvalidInput

LONGEST = 60  # mailboxes show 20 to 50
_ADDRESS = re.compile(r"@|\bhttps?:|\bwww\.|[<>]|\{\{|\*\|", re.IGNORECASE)


def sender_name(text: str) -> str:
    """A name of ours, as it may stand there: an organisation's own may be longer than mailboxes show."""
    return " ".join(text.replace("<", " ").replace(">", " ").split())[:LONGEST].strip()


def check_sender_name(name: str) -> None:
    """Raises `InvalidInput` (`bad_sender_name`) with what is wrong."""
    if len(name) > LONGEST:
        raise InvalidInput(
            f"The sender's name has {len(name)} characters; mailboxes show few: write {LONGEST} at most.",
            code="bad_sender_name",
            field="from_name",
        )
    if _ADDRESS.search(name):
        raise InvalidInput(
            "The sender's name is a name: no address, no link, no merge tag.",
            code="bad_sender_name",
            field="from_name",
        )
    # Bidirectional marks make a name read as another one.
    if any(unicodedata.category(char) in ("Cc", "Cf", "Co", "Cn") for char in name):
        raise InvalidInput(
            "The sender's name holds characters that cannot be seen.", code="bad_sender_name", field="from_name"
        )
    if not any(char.isalnum() for char in name):
        raise InvalidInput("The sender's name needs a letter.", code="bad_sender_name", field="from_name")
