"""Each sentence of a creative's check has its French one, with the same facts."""

from __future__ import annotations

import pytest
from flask import Flask
from flask_babel import Babel

from broker.mailings.creative_check import check_creative
from web.http import creative_lines

PAGES = (
    "<p>x {{nobody}} *|EMAIL|*</p><a href='a.html'>1</a><a href='https://a.test/?{{city}}'>2</a><a href='ftp://x'>3</a>",
    "<p>x</p><img src='https://a.test/{{city}}.png'><img src=a.png><img src=cid:a><img src='data:image/svg+xml,x'>",
    "<p>x</p><img src='file:///a.png'><img width=1 height=1 src='https://a.test/1.gif'>"
    "<img src='data:image/png;base64,A'>",
    "<p>GROSSES PROMOTIONS PARTOUT MAINTENANT cliquez ici</p>" + "<p>mot !</p>" * 9_000 + "<a href=a>x</a>" * 12,
    "<img src='https://a.test/b.png'>",
    "<div>" * 12_000,
    "<style>" + "a:hover{color:red}" * 700 + "</style><p>x</p><a href='https://a.test'>x</a>",
)


@pytest.mark.parametrize("html", PAGES)
def test_no_sentence_is_left_without_a_translation(html: str, monkeypatch: pytest.MonkeyPatch) -> None:
    app = Flask(__name__)
    Babel(app)
    monkeypatch.setattr(creative_lines, "current", lambda: "fr")
    report = check_creative(html)
    lines = [*report.errors, *report.warnings]
    assert lines
    with app.test_request_context():
        for line in lines:
            assert any(read(line) for read, _ in creative_lines._READ), line
            assert creative_lines.creative_line(f"Variant B: {line}").startswith("Variant B: ")
            assert "%(" not in creative_lines.creative_line(line)
