"""What no text column can hold is refused at the door: the null character in an address or a form."""

from __future__ import annotations

from flask import Flask, request

from broker.kernel.errors import InvalidInput, NotFound
from web.http.form_token import SELF_CHECKED

NULL = "\x00"


def install(app: Flask) -> None:
    """Look at path, query and form fields before any verb does."""

    @app.before_request
    def refuse_null() -> None:
        if NULL in request.path or any(NULL in value for _, value in request.args.items(multi=True)):
            raise NotFound("There is no such page.")
        if request.method == "POST" and request.endpoint not in SELF_CHECKED:
            for name, value in request.form.items(multi=True):
                if NULL in value:
                    raise InvalidInput("The form holds a null character.", code="null_character", field=name)
