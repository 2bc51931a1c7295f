"""How a file is read, as calls say it."""

from __future__ import annotations

from marshmallow import Schema, fields

from api.fields import one_of, storable
from broker.bases.reading import ENCODINGS, SEPARATORS, TYPES


class ReadingSchema(Schema):
    """How the file is read where what was found in it is wrong; what is left out stays as found."""

    encoding = one_of(*ENCODINGS, required=False)
    delimiter = one_of(*SEPARATORS, required=False)
    month_first = fields.Boolean(metadata={"description": "whether 02/01/2024 is the first of February"})
    types = fields.Dict(
        keys=fields.String(validate=storable),
        values=one_of(*TYPES),
        metadata={"description": "trait name → type"},
    )
    domains = fields.Dict(
        keys=fields.String(validate=storable),
        values=fields.String(validate=storable),
        metadata={"description": "misspelt mail domain → the one meant: accepted corrections, each counted"},
    )
