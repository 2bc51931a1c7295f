"""The texts of pages: finds them and writes new ones into the French catalogue, untranslated. Run by `make messages`.

A text that no page uses any more is taken out. `tests/web/test_translations.py` fails while one is untranslated.
"""

from __future__ import annotations

import sys
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po

METHODS = [("**.py", "python"), ("**/templates/**.html", "jinja2")]
OPTIONS = {"**/templates/**.html": {"trim_blocks": "true", "lstrip_blocks": "true"}}
HEADER = "# French texts of the pages. `make messages` (see CONTRIBUTING.md) adds new ones."


def main() -> int:
    """Renew the catalogue; the number of untranslated texts is the exit status (at most 100)."""
    web = Path(__file__).parents[1] / "web"
    file = web / "translations" / "fr" / "LC_MESSAGES" / "messages.po"
    with file.open("rb") as source:
        known = read_po(source, locale="fr")
    fresh = Catalog(
        locale="fr",
        header_comment=HEADER,
        project="courtier",
        version="1",
        msgid_bugs_address="see CONTRIBUTING.md",
        last_translator="the project",
        language_team="the project",
        creation_date=known.creation_date,  # kept, so that nothing changes where no text did
        revision_date=known.creation_date,
        fuzzy=False,
    )
    for _, _, text, _, _ in extract_from_dir(str(web), METHODS, OPTIONS):
        old = known.get(text if isinstance(text, str) else text[0])
        fresh.add(text, old.string if old else "")
    with file.open("wb") as target:
        write_po(target, fresh, width=110, sort_output=True)
    missing = [message.id for message in fresh if message.id and not _is_translated(message)]
    for untold in missing:
        sys.stderr.write(f"no French text yet: {untold!r}\n")
    return min(len(missing), 100)


def _is_translated(message: Message) -> bool:
    """Whether every form of a text has one in French; a text without a plural has one form."""
    forms = (message.string,) if isinstance(message.string, str) else tuple(message.string or ())
    return bool(forms) and all(forms)


if __name__ == "__main__":
    sys.exit(main())
