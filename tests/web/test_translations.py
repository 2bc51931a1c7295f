"""Every text of the pages is there in French."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from babel.messages.catalog import Message
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

WEB = Path(__file__).parents[2] / "web"
METHODS = [("**.py", "python"), ("**/templates/**.html", "jinja2")]


@pytest.fixture(scope="module")
def french() -> dict[str, Message]:
    """The catalogue by English text."""
    with (WEB / "translations" / "fr" / "LC_MESSAGES" / "messages.po").open("rb") as file:
        catalogue = read_po(file, locale="fr")
    return {
        message.id if isinstance(message.id, str) else message.id[0]: message for message in catalogue if message.id
    }


def texts() -> set[str]:
    """The English texts of templates and handlers."""
    options = {"**/templates/**.html": {"trim_blocks": "true", "lstrip_blocks": "true"}}
    found = extract_from_dir(str(WEB), METHODS, options)
    return {message[2] if isinstance(message[2], str) else message[2][0] for message in found}


def test_every_text_has_a_french_one(french: dict[str, Message]) -> None:
    wanted = texts()
    assert len(wanted) > 300
    missing = sorted(text for text in wanted if text not in french or not all(_forms(french[text])))
    assert missing == []


def test_no_french_text_is_left_over(french: dict[str, Message]) -> None:
    assert sorted(set(french) - texts()) == []


def test_french_texts_fill_in_the_same_figures(french: dict[str, Message]) -> None:
    for text, message in french.items():
        one, many = (text, text) if isinstance(message.id, str) else message.id
        first, *others = _forms(message)
        # "A column is missing" needs no figure; French counts 0 as one, and may need it there.
        assert _figures(first) in (_figures(one), _figures(many)), text
        assert all(_figures(form) == _figures(many) for form in others), text


def test_french_signs_stand_behind_a_space_that_does_not_break(french: dict[str, Message]) -> None:
    for message in french.values():
        for form in _forms(message):
            assert not re.search(r" [;:!?»]", form), form


def _figures(text: str) -> set[str]:
    """The names of what is filled in."""
    return set(re.findall(r"%\((\w+)\)", text))


def _forms(message: Message) -> tuple[str, ...]:
    return (message.string,) if isinstance(message.string, str) else tuple(message.string or ())
