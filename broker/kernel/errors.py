"""One error class per kind of reason a user can meet.

Each carries a stable code (for machines), the sentence a person reads and, where useful, the field it is about.
`status` is the HTTP reply that `api/` and `web/` give: the one table for both doors stands here, as an attribute of
each class. The command line prints the sentence.
"""

from __future__ import annotations


class CourtierError(Exception):
    """A refusal that a user can understand and mend.

    `code` is stable and lower_snake; `sentence` is whole, in English, without row data or addresses;
    `field` names the setting, column or form field at fault; `details` holds figures for machines.
    """

    default_code = "refused"
    status = 400

    def __init__(
        self,
        sentence: str,
        *,
        code: str | None = None,
        field: str | None = None,
        details: dict[str, object] | None = None,
    ) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.code = code or self.default_code
        self.field = field
        self.details = details or {}


class InvalidInput(CourtierError):
    """What was given has the wrong shape or value (HTTP 422)."""

    default_code = "invalid_input"
    status = 422


class OutOfRange(CourtierError):
    """A part of a file that begins behind its end (RFC 9110, 15.5.17); `details["size"]` is its length (HTTP 416)."""

    default_code = "bad_range"
    status = 416


class NotFound(CourtierError):
    """No such object, or not one this actor may see: the two are never told apart (HTTP 404)."""

    default_code = "not_found"
    status = 404


class Forbidden(CourtierError):
    """The actor is known but may not do this (HTTP 403)."""

    default_code = "forbidden"
    status = 403


class NotAuthenticated(CourtierError):
    """Nobody is logged in, or the key, token or password is wrong (HTTP 401)."""

    default_code = "not_authenticated"
    status = 401


class Conflict(CourtierError):
    """The object's state does not allow this now: gone, expired, or somebody else was first (HTTP 409)."""

    default_code = "conflict"
    status = 409


class SettingsError(CourtierError):
    """A setting is unknown, missing or malformed; the sentence names the key and line."""

    default_code = "bad_setting"
    status = 500


class Unavailable(CourtierError):
    """A service we need does not answer: database, audience process, relay (HTTP 503)."""

    default_code = "unavailable"
    status = 503


class IntegrityFault(CourtierError):
    """Something that must be true is not: a broken chain, an unbalanced entry, an unopenable seal."""

    default_code = "integrity_fault"
    status = 500
