"""Fields of requests and replies. They check shape only; truth is the verbs' and the database's."""

from __future__ import annotations

from functools import cache
from typing import Any

from marshmallow import Schema, ValidationError, fields, validate
from werkzeug.routing import BaseConverter

from broker.kernel.paging import FARTHEST_PAGE

LARGEST_INT = 2_147_483_647
CODE = "[a-z0-9][a-z0-9_-]{0,59}"


class CodeConverter(BaseConverter):
    """A public code in a path."""

    regex = CODE
    part_isolating = True


class NumberConverter(BaseConverter):
    """An invoice's number in a path."""

    regex = "[A-Za-z0-9][A-Za-z0-9_-]{0,59}"
    part_isolating = True


def storable(text: str) -> None:
    """Refuse what no text column can hold: the null character and lone surrogates."""
    if "\x00" in text:
        raise ValidationError("Must not hold the null character.")
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise ValidationError("Must be valid Unicode text.") from None


LONGEST_RULE = 200_000  # characters: room for the 5,000 terms that a rule may hold


def text(most: int = 200, *, least: int = 1, required: bool = True, **options: Any) -> fields.String:
    """Text of `least` to `most` characters."""
    limits = validate.Length(min=least, max=most)
    return fields.String(required=required, validate=[limits, storable], **options)


def code_field(required: bool = True, **options: Any) -> fields.String:
    """A public code."""
    return fields.String(required=required, validate=validate.Regexp(f"^{CODE}$"), **options)


def whole(least: int = 0, most: int = LARGEST_INT, *, required: bool = True, **options: Any) -> fields.Integer:
    """A whole number; `12.0` and `"12"` are refused."""
    return fields.Integer(required=required, strict=True, validate=validate.Range(min=least, max=most), **options)


def one_of(*choices: str, required: bool = True, **options: Any) -> fields.String:
    """One of a few words."""
    return fields.String(required=required, validate=validate.OneOf(choices), **options)


class PageQuery(Schema):
    """Which page of a list."""

    page = fields.Integer(load_default=1, validate=validate.Range(min=1, max=FARTHEST_PAGE))


class SearchQuery(PageQuery):
    """Words to search for, and which page."""

    q = fields.String(load_default="", validate=[validate.Length(max=200), storable])


@cache
def list_of(item: type[Schema]) -> type[Schema]:
    """A whole list: `{"items": […]}`."""
    name = item.__name__.removesuffix("Schema") + "List"
    return Schema.from_dict({"items": fields.List(fields.Nested(item), required=True)}, name=name)


@cache
def page_of(item: type[Schema]) -> type[Schema]:
    """A page of a list, with the number of all items."""
    name = item.__name__.removesuffix("Schema") + "Page"
    return Schema.from_dict(
        {
            "items": fields.List(fields.Nested(item), required=True),
            "total": fields.Integer(required=True),
            "number": fields.Integer(required=True, metadata={"description": "This page, from 1."}),
            "pages": fields.Integer(required=True),
        },
        name=name,
    )


def figures_field(**options: Any) -> fields.Dict:
    """Whole numbers by name."""
    return fields.Dict(keys=fields.Str(), values=fields.Int(), **options)
