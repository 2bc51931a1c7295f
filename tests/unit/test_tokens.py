"""Tokens: opaque, deterministic, for one purpose, and refused when anything about them was changed."""

from __future__ import annotations

import base64
import itertools
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.kernel.errors import InvalidInput
from broker.vault.keyring import FrontKeys
from broker.vault.tokens import PURPOSES, TOKEN_LENGTH, Purpose, TokenRef, make_token, make_tokens, read_token
from tests.unit.rings import front_ring

FRONT = front_ring()
ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"
GOLDEN = "aewmvtqp6bpw73pnbd2tnncyzfzrdlzomopizuhyfvfq"
purposes = st.sampled_from(PURPOSES)
refs = st.builds(
    TokenRef,
    dispatch_id=st.integers(200_001_000_001, 209_912_999_999),
    mailing_id=st.integers(0, 2**32 - 1),
    position=st.integers(0, 2**32 - 1),
    link=st.integers(0, 2**16 - 1),
)


@given(purposes, refs)
def test_a_token_gives_back_what_it_stands_for(purpose: Purpose, ref: TokenRef) -> None:
    token = make_token(FRONT, purpose, *ref)
    assert read_token(FRONT, purpose, token) == ref
    assert len(token) == TOKEN_LENGTH <= 48
    assert set(token) <= set(ALPHABET)


@given(purposes, refs)
def test_the_same_send_always_has_the_same_token(purpose: Purpose, ref: TokenRef) -> None:
    assert make_token(FRONT, purpose, *ref) == make_token(FRONT, purpose, *ref)


@given(purposes, refs, st.integers(0, TOKEN_LENGTH - 1), st.sampled_from(ALPHABET))
def test_a_changed_character_is_refused(purpose: Purpose, ref: TokenRef, at: int, letter: str) -> None:
    token = make_token(FRONT, purpose, *ref)
    changed = token[:at] + letter + token[at + 1 :]
    if changed == token:
        return
    with pytest.raises(InvalidInput) as refusal:
        read_token(FRONT, purpose, changed)
    assert refusal.value.code == "bad_token"


def test_each_changed_bit_is_refused() -> None:
    token = make_token(FRONT, "click", 202_611_000_001, 7, 30_000, 3)
    for at in range(len(token)):
        for bit in range(8):
            changed = token[:at] + chr(ord(token[at]) ^ 1 << bit) + token[at + 1 :]
            with pytest.raises(InvalidInput):
                read_token(FRONT, "click", changed)


@given(refs, purposes, purposes)
def test_a_token_for_one_purpose_is_none_for_another(ref: TokenRef, made: Purpose, read: Purpose) -> None:
    token = make_token(FRONT, made, *ref)
    if made != read:
        with pytest.raises(InvalidInput):
            read_token(FRONT, read, token)


@given(st.text(max_size=60))
def test_any_other_text_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        read_token(FRONT, "click", text)


@pytest.mark.parametrize("ending", ["\n", " ", "=", "a", "aaaa"])
def test_a_longer_token_is_refused(ending: str) -> None:
    with pytest.raises(InvalidInput):
        read_token(FRONT, "leave", make_token(FRONT, "leave", 202_611_000_001, 1, 1) + ending)


def test_upper_case_is_refused() -> None:
    with pytest.raises(InvalidInput):
        read_token(FRONT, "leave", make_token(FRONT, "leave", 202_611_000_001, 1, 1).upper())


def test_tokens_of_neighbouring_sends_have_nothing_in_common() -> None:
    tokens = [make_token(FRONT, "click", 202_611_000_001, 7, position) for position in range(500)]
    assert len(set(tokens)) == 500
    alike = [sum(a == b for a, b in zip(one[2:], two[2:], strict=True)) for one, two in itertools.pairwise(tokens)]
    assert sum(alike) / len(alike) < 3  # 42 characters of 32 kinds agree in 1.3 places by chance


def test_old_tokens_are_read_after_the_key_was_renewed() -> None:
    old = make_token(FRONT, "click", 202_611_000_001, 7, 1)
    renewed = FrontKeys(FRONT.sealing_key, {**FRONT.token_keys, 2: bytes(range(32))}, 2)
    assert read_token(renewed, "click", old) == TokenRef(202_611_000_001, 7, 1, 0)
    new = make_token(renewed, "click", 202_611_000_001, 7, 1)
    assert new != old
    with pytest.raises(InvalidInput):
        read_token(FRONT, "click", new)


def test_another_installation_cannot_make_our_tokens() -> None:
    with pytest.raises(InvalidInput):
        read_token(FRONT, "click", make_token(front_ring(token_key=bytes(32)), "click", 202_611_000_001, 7, 1))


@pytest.mark.parametrize("dispatch", [-1, 1 << 40])
def test_a_number_that_does_not_fit_is_a_fault_of_the_caller(dispatch: int) -> None:
    with pytest.raises(ValueError, match="five bytes"):
        make_token(FRONT, "click", dispatch, 1, 1)


@given(purposes, st.lists(st.tuples(st.integers(0, 2**32 - 1), st.integers(0, 2**16 - 1)), max_size=20))
def test_many_at_once_are_the_same_as_one_by_one(purpose: Purpose, places: list[tuple[int, int]]) -> None:
    together = make_tokens(FRONT, purpose, 202_611_000_001, 7, places)
    assert together == [make_token(FRONT, purpose, 202_611_000_001, 7, *place) for place in places]


@given(refs)
def test_letters_are_those_of_rfc_4648(ref: TokenRef) -> None:
    token = make_token(FRONT, "click", *ref)
    raw = base64.b32decode(token.upper() + "====")
    assert len(raw) == 27
    assert base64.b32encode(raw).decode().lower().rstrip("=") == token


def test_threads_do_not_disturb_each_other() -> None:
    places = [(position, position % 7) for position in range(2_000)]
    expected = make_tokens(FRONT, "click", 202_611_000_001, 7, places)

    def by_thread(_: int) -> list[str]:
        made = [make_token(FRONT, "click", 202_611_000_001, 7, *place) for place in places]
        assert [read_token(FRONT, "click", token)[2:] for token in made] == places
        return made

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(by_thread, range(4))) == [expected] * 4


def test_tokens_never_change_their_form() -> None:
    """Mails that were sent carry them for years: this one was made by the first version."""
    assert make_token(FRONT, "click", 202_611_000_001, 7, 30_000, 3) == GOLDEN
