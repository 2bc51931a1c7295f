"""Addresses of subscribed files: written as people write them, kept as they are fetched."""

from __future__ import annotations

import pytest

from broker.kernel.errors import InvalidInput
from broker.suppression.feed_model import clean_host, clean_url


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("https://fichiers.été.example/à jour".replace(" ", "-"), "https://fichiers.xn--t-9fab.example/%C3%A0-jour"),
        (" https://FILES.Example.com./a?b=c%20d&e=é#part ", "https://files.example.com/a?b=c%20d&e=%C3%A9"),
        ("https://files.example.com:443/x~y/(1);v=2?k=a/b+c", "https://files.example.com/x~y/(1);v=2?k=a/b+c"),
        ("https://files.example.com", "https://files.example.com"),
    ],
)
def test_an_address_names_its_host_as_the_broker_allows_it(written: str, kept: str) -> None:
    url, host = clean_url(written)
    assert url == kept
    assert clean_host(host) == host
    assert clean_url(url) == (url, host)


def test_a_host_with_letters_of_a_language_is_the_one_that_was_allowed_under_this_name() -> None:
    assert clean_url("https://fichiers.été.example/x")[1] == clean_host("fichiers.été.example")


@pytest.mark.parametrize(
    "written",
    ["http://a.example/", "https://u@a.example/", "https://a.example:8443/", "https:///x", "https://a.example/x y", "x",
     "https://a.example:99999/", "https://[bad/", "https://..example/", f"https://{'x' * 70}.example/", "https://a\\@b.example/",
     "https://a.example/" + "x" * 2_000],
)  # fmt: skip
def test_what_is_no_such_address_is_refused_with_a_sentence(written: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        clean_url(written)
    assert refusal.value.code == "bad_feed_url"
