"""Cards found by facets, put in order, compared, counted together on the desk; the terms that their owners ask."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from broker.catalogue.count_card import count_on_desk
from broker.catalogue.find_card import find_published_card
from broker.catalogue.model import CardTerms
from broker.catalogue.search_cards import compare_cards, explore_cards, find_cards
from broker.catalogue.search_model import CardSearch
from broker.kernel.errors import Conflict, InvalidInput, NotFound
from broker.kernel.settings import Settings
from broker.rentals.quote import quote
from broker.rentals.quote_desk import quote_desk, share_volume
from tests.store.test_catalogue import Scene, scene

__all__ = ["scene"]
WORD = "WORD"


def word(scene: Scene) -> str:
    """Stands in the cards of one test alone: other tests' cards stay."""
    return "z" + scene.base_code.removeprefix("base-").translate(str.maketrans("0123456789", "ghijklmnop"))


def publish(scene: Scene, title: str, size: int, cpm_cents: int, **given: Any) -> str:
    scene.desk.sized = {**scene.desk.sized, "size_shown": size}
    return scene.publish(title=f"{title} {word(scene)}", cpm_cents=cpm_cents, **given).code


@pytest.fixture
def three(scene: Scene) -> tuple[str, str, str]:
    return (
        publish(scene, "Jardin", 300_000, 2_500, sector="home"),
        publish(scene, "Voyages", 120_000, 1_900, sector="travel", terms=CardTerms(languages=("fr", "en"))),
        publish(scene, "Voyages en train, voyages lents", 40_000, 4_000, sector="travel"),
    )


@pytest.mark.parametrize(
    ("asked", "wanted"),
    [
        (CardSearch(WORD, sort="size"), (0, 1, 2)),
        (CardSearch(WORD, sort="price"), (1, 0, 2)),
        (CardSearch(WORD, sort="newest"), (2, 1, 0)),
        (CardSearch(WORD, sector="travel", sort="size"), (1, 2)),
        (CardSearch(WORD, language="en"), (1,)),
        (CardSearch(WORD, size=1), (2,)),
        (CardSearch(WORD, most_cents=2_500, sort="size"), (0, 1)),
        (CardSearch(WORD, most_cents=300_000_000, sort="size"), (0, 1, 2)),
        (CardSearch(WORD, region="Bretagne", sort="size"), (0, 1, 2)),
        (CardSearch(WORD, region="Corse"), ()),
        (CardSearch(WORD, kind="b2b"), ()),
        (CardSearch(f"voyage {WORD}"), (2, 1)),
        (CardSearch(WORD, sort="results", size=99), (2, 1, 0)),
    ],
)
def test_facets_narrow_and_sorts_order(
    scene: Scene, three: tuple[str, str, str], asked: CardSearch, wanted: tuple[int, ...]
) -> None:
    with scene.web.begin(scene.advertiser) as unit:
        assert [
            card.code for card in find_cards(unit, replace(asked, words=asked.words.replace(WORD, word(scene)))).items
        ] == [three[place] for place in wanted]


def test_a_facet_counts_what_each_of_its_values_would_leave(scene: Scene, three: tuple[str, str, str]) -> None:
    with scene.web.begin(scene.advertiser) as unit:
        found = explore_cards(unit, CardSearch(word(scene), sector="travel"))
    assert found.cards.total == 2
    assert found.facets["sector"] == {"travel": 2, "home": 1}
    assert found.facets["language"] == {"fr": 2, "en": 1}
    assert found.facets["size"] == {"1": 1, "2": 1}
    assert found.facets["kind"] == {"b2c": 2}
    assert found.regions == {"Bretagne": 64_000}


def test_cards_are_compared_in_the_order_asked(scene: Scene, three: tuple[str, str, str]) -> None:
    with scene.web.begin(scene.advertiser) as unit:
        found = compare_cards(unit, [three[2], "card_gone", three[0], three[2]])
    assert [card.code for card in found] == [three[2], three[0]]


def test_a_desk_counts_cards_together_and_prices_each_with_its_selects(
    scene: Scene, three: tuple[str, str, str]
) -> None:
    with scene.web.begin(scene.advertiser) as unit:
        found = count_on_desk(unit, scene.desk, [(three[0], "age >= 30"), (three[1], " ")])
        assert found.shown == 117_400
        assert [line.cpm_cents for line in found.lines] == [2_700, 1_900]
        assert [line.shown for line in found.lines] == [61_200, 61_200]
        with pytest.raises(NotFound, match="card_gone"):
            count_on_desk(unit, scene.desk, [("card_gone", "")])
        with pytest.raises(InvalidInput, match="Jardin"):
            count_on_desk(unit, scene.desk, [(three[0], "age >=")])
        for codes, code in (([], "no_cards"), ([f"c{n}" for n in range(11)], "too_many_cards")):
            with pytest.raises(InvalidInput) as caught:
                count_on_desk(unit, scene.desk, [(one, "") for one in codes])
            assert caught.value.code == code


def test_a_desk_is_quoted_as_one_order_a_card(scene: Scene, three: tuple[str, str, str]) -> None:
    with scene.web.begin(scene.advertiser) as unit:
        orders = quote_desk(unit, scene.desk, Settings(), [(three[0], "age >= 30"), (three[1], "")], 30_100)
        together = unit.scalar(
            "SELECT count(*) FROM order_desk WHERE order_id = ANY(:ids) GROUP BY desk", ids=[one.id for one in orders]
        )
    assert together == 2
    assert [order.volume for order in orders] == [15_100, 15_000]
    assert [order.price_micros for order in orders] == [27_000, 19_000]


@pytest.mark.parametrize(
    ("volume", "shown", "shares"),
    [(10_000, [1], [10_000]), (10_000, [30_000, 60_000], [3_300, 6_700]), (300, [5_000, 5_000, 5_000], [100] * 3)],
)
def test_a_volume_is_split_without_a_rest(volume: int, shown: list[int], shares: list[int]) -> None:
    assert share_volume(volume, shown, 100) == shares


def test_a_volume_is_not_split_over_too_few_people() -> None:
    with pytest.raises(InvalidInput, match="too few"):
        share_volume(10_000, [9_000, 0], 100)
    with pytest.raises(InvalidInput, match="multiple"):
        share_volume(10_050, [9_000, 9_000], 100)


def test_an_owner_does_not_take_some_sectors_and_advertisers(scene: Scene) -> None:
    with scene.web.begin(scene.advertiser) as unit:
        own: str = unit.scalar("SELECT code FROM organisation WHERE id = :id", id=scene.advertiser.org_id)
    code = publish(scene, "Sans nous", 200_000, 2_000, terms=CardTerms(refused_advertisers=(own,)))
    with scene.web.begin(scene.advertiser) as unit:
        with pytest.raises(Conflict, match="your organisation") as caught:
            quote(unit, scene.desk, Settings(), code, 10_000)
        assert caught.value.code == "card_exclusion"
        assert own not in repr(find_published_card(unit, code))


@pytest.mark.parametrize(
    ("terms", "code"),
    [
        (CardTerms(languages=("fr", "xx")), "bad_language"),
        (CardTerms(languages=()), "bad_language"),
        (CardTerms(approval_days=31), "bad_approval"),
        (CardTerms(approval="never"), "bad_approval"),  # type: ignore[arg-type]
        (CardTerms(approval_note="Familles catholiques, catholique"), "sensitive_text"),
        (CardTerms(refused_advertisers=("org_nobody",)), "unknown_advertiser"),
    ],
)
def test_terms_that_cannot_be_asked_get_their_reason(scene: Scene, terms: CardTerms, code: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        scene.publish(terms=terms)
    assert caught.value.code == code


def test_a_base_without_proofs_or_quality_publishes_nothing(scene: Scene) -> None:
    scene.desk.sized |= {"count": 300_000, "exclusions": {"consent": 160_000}}
    with pytest.raises(Conflict) as caught:
        scene.publish()
    assert caught.value.code == "consent_coverage"
    scene.desk.sized |= {"exclusions": {"consent": 10_000}}
    strict = replace(Settings().trade, card_quality=100)
    with pytest.raises(Conflict) as low:
        scene.publish(rules=strict)
    assert low.value.code == "low_quality"
