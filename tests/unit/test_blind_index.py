"""Blind indices: one person, one key under each pepper; hashed lists match; kinds and bases never mix."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.kernel.errors import IntegrityFault, InvalidInput
from broker.vault.blind_index import (
    HashAlgorithm,
    contact_keys,
    keys_of_hashes,
    md5_keys,
    noise_of,
    normalise,
    reference_keys,
    sha256_keys,
)
from tests.unit.rings import worker_ring

WORKER = worker_ring()
addresses = st.emails()


@given(addresses, st.sampled_from(["", " ", "\t", "\r\n", "\N{NO-BREAK SPACE}"]))
def test_case_and_blanks_around_do_not_matter(address: str, blank: str) -> None:
    written = blank + address.upper().lower().swapcase() + blank
    assert contact_keys(WORKER, [written]) == contact_keys(WORKER, [written.lower().strip()])


def test_dots_and_tags_make_another_person() -> None:
    keys = contact_keys(WORKER, ["ab@example.test", "a.b@example.test", "ab+x@example.test"])
    assert len(set(keys)) == 3


@given(st.lists(addresses, max_size=10))
def test_keys_have_sixteen_bytes_in_the_order_given(given_addresses: list[str]) -> None:
    keys = contact_keys(WORKER, given_addresses)
    assert [contact_keys(WORKER, [address])[0] for address in given_addresses] == keys
    assert all(len(key) == 16 for key in keys)


@given(addresses, st.sampled_from(["md5", "sha256"]), st.booleans())
def test_a_hashed_list_matches_in_either_case(address: str, algorithm: HashAlgorithm, upper: bool) -> None:
    digest = hashlib.new(algorithm, normalise(address).encode()).hexdigest()
    direct = (md5_keys if algorithm == "md5" else sha256_keys)(WORKER, [address])
    assert keys_of_hashes(WORKER, algorithm, [digest.upper() if upper else digest]) == direct


@given(addresses)
def test_no_key_is_a_hash_that_anybody_could_make(address: str) -> None:
    plain = normalise(address).encode()
    known = {hashlib.new(name, plain).digest()[:16] for name in ("md5", "sha1", "sha256", "blake2b")}
    known.add(hashlib.blake2b(plain, digest_size=16).digest())
    ours = [*contact_keys(WORKER, [address]), *md5_keys(WORKER, [address]), *sha256_keys(WORKER, [address])]
    assert not known & set(ours)
    assert len(set(ours)) == 3


@given(addresses)
def test_an_old_pepper_still_matches_after_it_was_renewed(address: str) -> None:
    renewed = worker_ring(peppers={1: b"p" * 32, 2: b"q" * 32})
    (then,) = contact_keys(WORKER, [address])
    (now,) = contact_keys(renewed, [address])
    assert now != then
    assert contact_keys(renewed, [address], version=1) == [then]
    assert md5_keys(renewed, [address], version=1) == md5_keys(WORKER, [address])
    assert sha256_keys(renewed, [address], version=1) == sha256_keys(WORKER, [address])


def test_an_unknown_pepper_is_refused() -> None:
    with pytest.raises(IntegrityFault) as refusal:
        contact_keys(WORKER, ["a@example.test"], version=9)
    assert refusal.value.code == "unknown_pepper"


@pytest.mark.parametrize("digest", ["", "abc", "g" * 32, "a" * 64])
def test_what_is_no_digest_is_refused_by_its_place(digest: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        keys_of_hashes(WORKER, "md5", ["0" * 32, digest])
    assert refusal.value.details == {"number": 2}


def test_a_reference_belongs_to_its_base() -> None:
    assert reference_keys(WORKER, 1, ["C-17"]) == reference_keys(WORKER, 1, [" C-17 "])
    assert reference_keys(WORKER, 1, ["C-17"]) != reference_keys(WORKER, 2, ["C-17"])
    assert reference_keys(WORKER, 1, ["1|x"]) != reference_keys(WORKER, 11, ["|x"])


def test_noise_is_fixed_secret_and_even() -> None:
    keys = contact_keys(WORKER, [f"p{number}@example.test" for number in range(20_000)])
    noise = noise_of(WORKER, keys)
    assert noise.dtype == np.int64
    assert noise.shape == (20_000,)
    assert (noise_of(WORKER, b"".join(keys)) == noise).all()
    assert (noise_of(WORKER, keys[::-1])[::-1] == noise).all()
    assert len(np.unique(noise)) == 20_000
    # Each of the 64 bits is set in about half: five standard deviations of a fair coin.
    bits = np.unpackbits(noise.view(np.uint8).reshape(-1, 8), axis=1).mean(axis=0)
    assert (abs(bits - 0.5) < 5 * 0.5 / np.sqrt(20_000)).all()


def test_noise_of_nobody_is_empty() -> None:
    assert noise_of(WORKER, []).shape == (0,)


def test_a_key_of_another_length_is_a_fault_of_the_caller() -> None:
    with pytest.raises(ValueError, match="16 bytes"):
        noise_of(WORKER, [b"x" * 15, b"y" * 17])
