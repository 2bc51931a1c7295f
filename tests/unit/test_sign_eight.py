"""Signatures made eight at a time are those of `cryptography`, and a wrong one never leaves."""

from __future__ import annotations

import ctypes

import pytest
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256

from broker.delivery.sign import DkimSigner
from broker.delivery.sign_eight import LANES, Unusable, eight_signer


@pytest.fixture(scope="module")
def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


def one_by_one(key: rsa.RSAPrivateKey, texts: list[bytes]) -> list[bytes]:
    return [key.sign(text, padding.PKCS1v15(), SHA256()) for text in texts]


@pytest.mark.parametrize("count", [0, 1, 3, 4, 7, 8, 9, 12, 21])
def test_any_number_of_texts_is_signed_in_order(key: rsa.RSAPrivateKey, count: int) -> None:
    texts = [b"mail %d" % number for number in range(count)]
    assert DkimSigner("example.org", "s", key).sign_all(texts) == one_by_one(key, texts)


def test_a_key_of_another_size_is_signed_with_as_well() -> None:
    longer = rsa.generate_private_key(65537, 3072)
    texts = [b"mail %d" % number for number in range(LANES)]
    assert eight_signer(longer) is None
    assert DkimSigner("example.org", "s", longer).sign_all(texts) == one_by_one(longer, texts)


def test_a_fault_of_the_arithmetic_is_found_before_anybody_sees_it(key: rsa.RSAPrivateKey) -> None:
    eight = eight_signer(key)
    if eight is None:
        pytest.skip("no AVX-512 IFMA, or crypto_mb is not installed")
    signer, texts = DkimSigner("example.org", "s", key), [b"mail %d" % number for number in range(LANES)]
    assert signer.sign_all(texts) == one_by_one(key, texts)
    for held in (eight, signer._eight):
        assert held is not None
        ctypes.memset(ctypes.addressof(held._kept[0]), 0x55, 8)  # the prime p is damaged
    with pytest.raises(Unusable):
        eight.sign(texts)
    assert signer.sign_all(texts) == one_by_one(key, texts)  # then one by one
