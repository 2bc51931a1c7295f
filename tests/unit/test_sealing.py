"""Messages, streams and rows: what was sealed opens, and nothing that was touched does."""

from __future__ import annotations

import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broker.kernel.errors import IntegrityFault
from broker.vault.data_keys import wrap_data_key
from broker.vault.open import OpeningReader, open_message, open_row, open_rows, unwrap_data_key
from broker.vault.seal import CHUNK_LENGTH, TAG_LENGTH, SealingWriter, seal_message, seal_rows
from tests.unit.rings import front_ring, worker_ring

FRONT, WORKER = front_ring(), worker_ring()
DATA_KEY = b"d" * 32
OTHER_KEY = b"o" * 32
SEALED_CHUNK = CHUNK_LENGTH + TAG_LENGTH
texts = st.binary(max_size=200)
ids = st.integers(0, 2**62)


def flip(data: bytes, bit: int) -> bytes:
    """The data with one bit changed (numbered modulo its length)."""
    at, place = divmod(bit % (8 * len(data)), 8)
    return data[:at] + bytes([data[at] ^ 1 << place]) + data[at + 1 :]


class TestMessage:
    @given(texts, st.text(max_size=40))
    def test_opens_for_what_it_was_sealed_for(self, text: bytes, info: str) -> None:
        sealed = seal_message(FRONT, text, info)
        assert open_message(WORKER, sealed, info) == text

    @given(texts, st.integers(0, 10_000))
    def test_a_changed_bit_is_refused(self, text: bytes, bit: int) -> None:
        with pytest.raises(IntegrityFault):
            open_message(WORKER, flip(seal_message(FRONT, text, "x"), bit), "x")

    @given(texts, st.integers(0, 300))
    def test_a_shortened_one_is_refused(self, text: bytes, length: int) -> None:
        sealed = seal_message(FRONT, text, "x")
        with pytest.raises(IntegrityFault):
            open_message(WORKER, sealed[: min(length, len(sealed) - 1)], "x")

    @given(texts)
    def test_does_not_open_for_something_else(self, text: bytes) -> None:
        with pytest.raises(IntegrityFault) as refusal:
            open_message(WORKER, seal_message(FRONT, text, "request|base"), "request|other")
        assert refusal.value.code == "unopenable_seal"

    def test_does_not_open_with_another_key(self) -> None:
        with pytest.raises(IntegrityFault) as refusal:
            open_message(worker_ring(OTHER_KEY), seal_message(FRONT, b"text", "x"), "x")
        assert refusal.value.code == "unknown_key"

    def test_opens_with_a_former_key_after_a_rotation(self) -> None:
        sealed = seal_message(FRONT, b"text", "x")
        rotated = worker_ring(OTHER_KEY, former=(bytes(range(1, 33)),))
        assert open_message(rotated, sealed, "x") == b"text"

    def test_two_seals_of_one_text_differ(self) -> None:
        assert seal_message(FRONT, b"text", "x") != seal_message(FRONT, b"text", "x")


def seal_stream(data: bytes, pieces: list[int] | None = None, info: str = "upload") -> bytes:
    """Seal data written in pieces of the given sizes (the rest at the end)."""
    file = io.BytesIO()
    with SealingWriter(FRONT, file, info) as writer:
        start = 0
        for piece in pieces or []:
            writer.write(data[start : start + piece])
            start += piece
        writer.write(data[start:])
    return file.getvalue()


def open_stream(sealed: bytes, info: str = "upload") -> bytes:
    return io.BufferedReader(OpeningReader(WORKER, io.BytesIO(sealed), info)).read()


def parts(sealed: bytes) -> tuple[bytes, list[bytes]]:
    """Header and chunks of a sealed stream."""
    start = 6 + int.from_bytes(sealed[4:6], "big")
    return sealed[:start], [sealed[at : at + SEALED_CHUNK] for at in range(start, len(sealed), SEALED_CHUNK)]


sizes = st.one_of(
    st.integers(0, 300),
    st.builds(lambda chunks, more: chunks * CHUNK_LENGTH + more, st.integers(1, 3), st.integers(-2, 2)),
)


class TestStream:
    @settings(max_examples=40)
    @given(sizes, st.lists(st.integers(0, 2 * CHUNK_LENGTH), max_size=4))
    def test_opens_whatever_its_length_and_the_pieces_written(self, size: int, pieces: list[int]) -> None:
        data = bytes(at * 7 % 251 for at in range(256)) * (size // 256 + 1)
        assert open_stream(seal_stream(data[:size], pieces)) == data[:size]

    @settings(max_examples=40)
    @given(sizes, st.integers(0, 2**22))
    def test_a_changed_bit_is_refused(self, size: int, bit: int) -> None:
        with pytest.raises(IntegrityFault):
            open_stream(flip(seal_stream(bytes(size)), bit))

    def test_each_changed_bit_of_the_header_is_refused(self) -> None:
        sealed = seal_stream(b"")
        for bit in range(8 * len(sealed)):
            with pytest.raises(IntegrityFault):
                open_stream(flip(sealed, bit))

    @settings(max_examples=40)
    @given(sizes, st.integers(1, 2 * SEALED_CHUNK))
    def test_a_shortened_one_is_refused(self, size: int, cut: int) -> None:
        sealed = seal_stream(bytes(size))
        with pytest.raises(IntegrityFault):
            open_stream(sealed[: max(0, len(sealed) - cut)])

    @pytest.mark.parametrize("size", [0, 10, CHUNK_LENGTH, CHUNK_LENGTH + 1, 3 * CHUNK_LENGTH])
    def test_cut_at_a_chunk_is_refused(self, size: int) -> None:
        header, chunks = parts(seal_stream(bytes(size)))
        for kept in range(len(chunks)):
            with pytest.raises(IntegrityFault):
                open_stream(header + b"".join(chunks[:kept]))

    def test_an_extended_one_is_refused(self) -> None:
        header, chunks = parts(seal_stream(bytes(2 * CHUNK_LENGTH)))
        for more in (b"x", bytes(TAG_LENGTH), chunks[-1], b"".join(chunks)):
            with pytest.raises(IntegrityFault):
                open_stream(header + b"".join(chunks) + more)

    def test_chunks_in_another_order_are_refused(self) -> None:
        header, chunks = parts(seal_stream(bytes(3 * CHUNK_LENGTH + 5)))
        for order in ((1, 0, 2, 3), (0, 2, 1, 3), (0, 0, 2, 3), (0, 1, 3), (3, 1, 2, 0)):
            with pytest.raises(IntegrityFault):
                open_stream(header + b"".join(chunks[number] for number in order))

    def test_a_chunk_of_another_file_is_refused(self) -> None:
        header, chunks = parts(seal_stream(bytes(2 * CHUNK_LENGTH + 5)))
        _, foreign = parts(seal_stream(bytes(2 * CHUNK_LENGTH + 5)))
        with pytest.raises(IntegrityFault):
            open_stream(header + chunks[0] + foreign[1] + chunks[2])

    def test_does_not_open_as_another_upload(self) -> None:
        with pytest.raises(IntegrityFault):
            open_stream(seal_stream(b"data", info="upload|1"), info="upload|2")

    def test_an_upload_that_broke_off_does_not_open(self) -> None:
        file = io.BytesIO()

        def broken_upload() -> None:
            with SealingWriter(FRONT, file, "upload") as writer:
                writer.write(bytes(CHUNK_LENGTH + 1))
                raise ConnectionError

        with pytest.raises(ConnectionError):
            broken_upload()
        with pytest.raises(IntegrityFault):
            open_stream(file.getvalue())

    def test_nothing_in_clear_is_in_the_file(self) -> None:
        sealed = seal_stream(b"unmistakable@example.test\n" * 10_000)
        assert b"unmistakable" not in sealed

    def test_nothing_is_written_after_it_was_closed(self) -> None:
        writer = SealingWriter(FRONT, io.BytesIO(), "upload")
        writer.close()
        with pytest.raises(ValueError, match="sealed already"):
            writer.write(b"more")

    def test_reads_from_a_file_that_gives_little_at_a_time(self) -> None:
        class Slow(io.BytesIO):
            def read(self, size: int | None = -1) -> bytes:
                return super().read(min(size or 0, 1000) if size and size > 100 else size)

        data = bytes(range(256)) * 600
        reader = OpeningReader(WORKER, Slow(seal_stream(data)), "upload")
        assert io.BufferedReader(reader).read() == data


rows = st.lists(st.tuples(ids, texts), min_size=1, max_size=20, unique_by=lambda row: row[0])


class TestRows:
    @given(rows, ids, st.integers(1, 2**15 - 1))
    def test_open_in_order(self, rows: list[tuple[int, bytes]], base: int, version: int) -> None:
        contacts, plain = [row[0] for row in rows], [row[1] for row in rows]
        sealed = seal_rows(DATA_KEY, base, version, contacts, plain)
        assert open_rows(DATA_KEY, base, version, contacts, sealed) == plain
        assert open_row(DATA_KEY, base, version, contacts[0], sealed[0]) == plain[0]

    @given(texts, st.integers(0, 10_000))
    def test_a_changed_bit_is_refused(self, text: bytes, bit: int) -> None:
        (sealed,) = seal_rows(DATA_KEY, 1, 1, [7], [text])
        with pytest.raises(IntegrityFault):
            open_row(DATA_KEY, 1, 1, 7, flip(sealed, bit))

    @given(texts, st.integers(1, 300))
    def test_a_shortened_row_is_refused(self, text: bytes, cut: int) -> None:
        (sealed,) = seal_rows(DATA_KEY, 1, 1, [7], [text])
        with pytest.raises(IntegrityFault):
            open_row(DATA_KEY, 1, 1, 7, sealed[: max(0, len(sealed) - cut)])

    def test_swapped_rows_are_refused(self) -> None:
        one, two = seal_rows(DATA_KEY, 1, 1, [7, 8], [b"one", b"two"])
        with pytest.raises(IntegrityFault):
            open_rows(DATA_KEY, 1, 1, [7, 8], [two, one])

    @pytest.mark.parametrize(("base", "version", "contact"), [(2, 1, 7), (1, 2, 7), (1, 1, 8)])
    def test_a_row_moved_elsewhere_is_refused(self, base: int, version: int, contact: int) -> None:
        (sealed,) = seal_rows(DATA_KEY, 1, 1, [7], [b"text"])
        with pytest.raises(IntegrityFault):
            open_row(DATA_KEY, base, version, contact, sealed)

    def test_another_key_does_not_open(self) -> None:
        (sealed,) = seal_rows(DATA_KEY, 1, 1, [7], [b"text"])
        with pytest.raises(IntegrityFault):
            open_row(OTHER_KEY, 1, 1, 7, sealed)

    def test_no_nonce_is_used_twice(self) -> None:
        sealed = seal_rows(DATA_KEY, 1, 1, range(5_000), [b"same"] * 5_000)
        assert len({row[:12] for row in sealed}) == 5_000

    def test_the_refusal_does_not_repeat_the_row(self) -> None:
        (sealed,) = seal_rows(DATA_KEY, 1, 1, [7], [b"someone@example.test"])
        with pytest.raises(IntegrityFault) as refusal:
            open_row(DATA_KEY, 1, 2, 7, sealed)
        assert "someone" not in refusal.value.sentence
        assert sealed.hex()[:16] not in repr(refusal.value)


class TestDataKey:
    def test_opens_where_it_belongs(self) -> None:
        assert unwrap_data_key(WORKER, wrap_data_key(FRONT, 1, 2, 3, DATA_KEY)) == DATA_KEY

    @pytest.mark.parametrize(("org", "base", "version"), [(9, 2, 3), (1, 9, 3), (1, 2, 9), (1, 23, 3)])
    def test_moved_to_another_row_it_does_not_open(self, org: int, base: int, version: int) -> None:
        wrapped = wrap_data_key(FRONT, 1, 2, 3, DATA_KEY)
        moved = type(wrapped)(org, base, version, wrapped.suite, wrapped.wrapping_key, wrapped.wrapped)
        with pytest.raises(IntegrityFault):
            unwrap_data_key(WORKER, moved)
