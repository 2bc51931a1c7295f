"""The text that is sealed for each contact: a JSON object of what identifies the person, built by columns."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping

import pyarrow as pa
import pyarrow.compute as pc


def sealed_texts(email: pa.Array, columns: Mapping[str, pa.Array]) -> list[bytes]:
    """UTF-8 JSON for each row, with `email` and the columns that are not empty.

    Built by joining columns, ten times as fast as a dictionary a row.
    """
    parts: list[pa.Array | str] = ['{"email":"', _escaped(email), '"']
    for name, values in columns.items():
        text = _escaped(pc.fill_null(values, ""))
        member = pc.binary_join_element_wise(f',"{name}":"', text, '"', "")
        parts.append(pc.if_else(pc.equal(text, ""), "", member))
    parts.append("}")
    joined = pc.binary_join_element_wise(*parts, "")
    return list(joined.cast(pa.binary()).to_pylist())


def _escaped(text: pa.Array) -> pa.Array:
    """A string's inside as JSON writes it; control characters become spaces (RFC 8259, section 7)."""
    if pc.any(pc.match_substring_regex(text, r'[\\"\x00-\x1f]')).as_py():
        text = pc.replace_substring(text, "\\", "\\\\")
        text = pc.replace_substring(text, '"', '\\"')
        text = pc.replace_substring_regex(text, r"[\x00-\x1f]+", " ")
    return text


def merged_text(old: bytes, new: bytes, blanks: Collection[str] = (), kept: Collection[str] = ()) -> bytes:
    """The newer non-empty value of each field wins; what the new file does not say stays.

    `blanks` are fields of the new file that win when empty, too; of the fields `kept` the old value wins.
    """
    before, after = json.loads(old), json.loads(new)
    whole = {**before, **{name: value for name, value in after.items() if name not in kept or name not in before}}
    for name in blanks:
        if name not in after:
            whole.pop(name, None)
    return json.dumps(whole, ensure_ascii=False, separators=(",", ":")).encode()
