"""Overlap of segments: within a base, across bases, deduplicated by contact key; the broker sees guarded figures."""

from __future__ import annotations

import secrets
from typing import Any

import numpy as np
import pytest

from broker.audience.build_snapshot import build_snapshot
from broker.audience.desk import CountDesk
from broker.audience.parse import parse_rule
from broker.audience.references import unbound
from broker.catalogue.compare_segments import compare_segments
from broker.catalogue.segments import create_segment, find_segment, list_segments
from broker.kernel.actor import Actor
from broker.kernel.errors import Conflict, Forbidden, InvalidInput, NotFound
from tests.store.audience_people import key_of, make_base, make_import, make_partner_list, person, write_staging
from tests.store.count_scene import PEOPLE, Scene, scene, suppress

__all__ = ["scene"]
SHARED = 800  # contacts of the first base that stand in the second as well


@pytest.fixture
def second(scene: Scene) -> int:
    """Another base of the same owner: SHARED people of the first (1 …) and 400 of its own."""
    with scene.database.begin() as unit:
        base = make_base(unit, scene.owner)
        make_partner_list(unit, base, 1, [scene.advertiser])
        import_id = make_import(unit, base)
        today = unit.today
    people = [
        {**person(number, today), "contact_id": 20_000 + number, "contact_key": key_of(number)}
        for number in (*range(1, SHARED + 1), *range(9_001, 9_401))
    ]
    write_staging(scene.settings.state_dir / "staging" / f"{import_id}.parquet", people)
    build_snapshot(scene.database, scene.keys, scene.settings, import_id)
    return base


def compared(scene: Scene, *parts: tuple[int, str], viewer: int | None = None) -> dict[str, Any]:
    asked = [{"base_id": base, "rule": parse_rule(text)} for base, text in parts]
    return scene.desk.answer("compare_segments", {"parts": asked, "viewer_org_id": viewer})


def both(found: dict[str, Any], one: int, other: int) -> int:
    return next(pair["both"] for pair in found["pairs"] if (pair["one"], pair["other"]) == (one, other))


def test_within_a_base_sizes_pairs_and_union_add_up(scene: Scene) -> None:
    found = compared(scene, (scene.base, "gender = F"), (scene.base, "income >= 2000"), (scene.base, "gender = M"))
    assert found["sizes"][0] == scene.owner_count("gender = F")["rentable"]
    assert both(found, 0, 1) == scene.owner_count("gender = F and income >= 2000")["rentable"]
    assert both(found, 0, 2) == 0
    either = scene.owner_count("gender = F or income >= 2000 or gender = M")["rentable"]
    assert found["union"] == either


def test_across_bases_one_person_counts_once(scene: Scene, second: int) -> None:
    found = compared(scene, (scene.base, "all"), (second, "all"))
    assert found == {
        "sizes": [PEOPLE, SHARED + 400],
        "pairs": [{"one": 0, "other": 1, "both": SHARED}],
        "union": PEOPLE + 400,
    }
    with scene.database.begin() as unit:
        suppress(unit, 1, "everywhere")
        suppress(unit, 2, "base", base=second)
    found = compared(scene, (scene.base, "all"), (second, "all"), (scene.base, "gender = F"))
    assert found["sizes"][:2] == [PEOPLE - 1, SHARED + 398]
    assert both(found, 0, 1) == SHARED - 2
    assert both(found, 0, 2) == found["sizes"][2]
    assert found["union"] == PEOPLE + 399


def test_the_broker_sees_guarded_figures(scene: Scene, second: int) -> None:
    found = compared(scene, (scene.base, "all"), (second, "all"), viewer=scene.stranger)
    rules = scene.settings.disclosure
    for figure, exact in zip(
        (*found["sizes"], both(found, 0, 1), found["union"]), (PEOPLE, SHARED + 400, SHARED, PEOPLE + 400), strict=True
    ):
        assert figure % rules.rounding == 0
        assert abs(figure - exact) <= 2 * rules.difference_threshold
    assert compared(scene, (scene.base, "all"), (second, "all"), viewer=scene.stranger) == found
    few = compared(scene, (scene.base, "income = 77"), (second, "all"), viewer=scene.stranger)
    assert few["sizes"][0] == both(few, 0, 1) == 0


@pytest.mark.parametrize("parts", [None, [], [{"base_id": 1, "rule": {"op": "all"}}], [{}] * 9])
def test_two_to_eight_segments_are_compared(scene: Scene, parts: Any) -> None:
    with pytest.raises(InvalidInput):
        scene.desk.answer("compare_segments", {"parts": parts})


# --- the verbs, and segments that name segments ----------------------------------------------------------------------


class Direct:
    """The audience client without its socket."""

    def __init__(self, desk: CountDesk) -> None:
        self.desk = desk

    def compare_segments(
        self, parts: Any, viewer_org_id: Any = None, advertiser_id: Any = None, send_on: Any = None
    ) -> Any:
        asked = [{"base_id": base, "rule": rule} for base, rule in parts]
        return self.desk.answer("compare_segments", {"parts": asked, "viewer_org_id": viewer_org_id})


def base_code(scene: Scene, base: int) -> str:
    with scene.database.begin() as unit:
        return str(unit.scalar("SELECT code FROM base WHERE id = :id", id=base))


def test_an_owner_compares_its_own_segments_and_the_broker_anybodys(scene: Scene, second: int) -> None:
    owner = Actor("owner", scene.owner)
    with scene.database.begin(owner) as unit:
        one = create_segment(unit, base_code(scene, scene.base), "Women", "gender = F")
        other = create_segment(unit, base_code(scene, second), "All of them", "all")
        found = compare_segments(unit, Direct(scene.desk), [one.code, other.code])
        assert [segment.name for segment in found.segments] == ["Women", "All of them"]
        assert not found.guarded
        assert found.twice == sum(found.sizes) - found.union == found.pairs[0].both
        with pytest.raises(InvalidInput):
            compare_segments(unit, Direct(scene.desk), [one.code, one.code])
    with scene.database.begin(Actor("owner", scene.advertiser)) as unit, pytest.raises(NotFound):
        compare_segments(unit, Direct(scene.desk), [one.code, other.code])
    with scene.database.begin(Actor("broker", scene.stranger)) as unit:
        assert compare_segments(unit, Direct(scene.desk), [one.code, other.code]).guarded
    with scene.database.begin(Actor("advertiser", scene.advertiser)) as unit, pytest.raises(Forbidden):
        compare_segments(unit, Direct(scene.desk), [one.code, other.code])


def test_a_segment_names_others_by_name_keeps_their_codes_and_follows_new_names(scene: Scene) -> None:
    code = base_code(scene, scene.base)
    with scene.database.begin(Actor("owner", scene.owner)) as unit:
        women = create_segment(unit, code, "Women", "gender = F")
        rich = create_segment(unit, code, "Rich women", 'segment "Women" and income >= 2000')
        assert rich.rule["rules"][0] == {"op": "segment", "segment": women.code}
        assert unbound(rich.rule) == rich.rule
        assert rich.rule_text == "segment Women and income >= 2000"
        unit.run("UPDATE segment SET name = 'The women' WHERE code = :code", code=women.code)
        assert find_segment(unit, rich.code).rule_text == 'segment "The women" and income >= 2000'
        assert list_segments(unit, code)[0].rule_text == 'segment "The women" and income >= 2000'
    arguments = {"base_id": scene.base, "rule": rich.rule}
    assert scene.desk.answer("count_for_owner", arguments) == scene.owner_count("gender = F and income >= 2000")


def test_unknown_segments_are_told_with_the_nearest_name(scene: Scene) -> None:
    code = base_code(scene, scene.base)
    with scene.database.begin(Actor("owner", scene.owner)) as unit:
        create_segment(unit, code, "Jeunes femmes", "gender = F")
        with pytest.raises(InvalidInput, match='Did you mean "Jeunes femmes"') as caught:
            create_segment(unit, code, "s", 'segment "Jeune femme"')
    assert caught.value.code == "unknown_segment"


def test_a_neighbours_segment_is_unknown(scene: Scene, second: int) -> None:
    with scene.database.begin(Actor("owner", scene.owner)) as unit:
        elsewhere = create_segment(unit, base_code(scene, second), "Elsewhere", "gender = F")
        with pytest.raises(InvalidInput):
            create_segment(unit, base_code(scene, scene.base), "s", f"segment {elsewhere.code}")


def test_the_database_refuses_a_circle_whoever_writes_it(scene: Scene) -> None:
    code = base_code(scene, scene.base)
    with scene.database.begin(Actor("owner", scene.owner)) as unit:
        one = create_segment(unit, code, f"one {secrets.token_hex(3)}", "gender = F")
        two = create_segment(unit, code, "two", f"segment {one.code} or income >= 1")
        point = unit.session.begin_nested()
        with pytest.raises(Conflict) as caught:
            unit.run(
                "UPDATE segment SET rule = jsonb_build_object('op', 'segment', 'segment', CAST(:two AS text))"
                " WHERE code = :one",
                one=one.code,
                two=two.code,
            )
        point.rollback()
    assert caught.value.details["constraint"] == "segment_circle"


def test_a_neighbours_row_set_is_a_mask_of_the_right_length(scene: Scene) -> None:
    """The members of a named segment are kept as bits: the last byte's spare bits are nobody."""
    code = base_code(scene, scene.base)
    with scene.database.begin(Actor("owner", scene.owner)) as unit:
        everybody = create_segment(unit, code, "Everybody", "all")
        nobody = create_segment(unit, code, "Nobody", f"not segment {everybody.code}")
    assert scene.desk.answer("count_for_owner", {"base_id": scene.base, "rule": nobody.rule})["count"] == 0
    assert np.packbits(np.ones(PEOPLE, dtype=np.bool_))[-1] != 0
