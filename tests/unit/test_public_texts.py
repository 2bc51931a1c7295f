"""The words of the public pages."""

from __future__ import annotations

import re

from web.public.texts import LANGUAGES, texts


def test_every_word_stands_in_both_languages_with_the_same_places() -> None:
    french, english = (texts(language) for language in LANGUAGES)
    assert french.keys() == english.keys()
    for name, words in french.items():
        assert set(re.findall(r"{\w+}", words)) == set(re.findall(r"{\w+}", english[name]))
        assert words.strip()
