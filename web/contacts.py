"""One contact by the owner's customer reference: its consent and how that changed, masked; and its erasure."""

from __future__ import annotations

from flask import Blueprint, Response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as Reply

from broker.audit.bulk_read import note_bulk_read
from broker.bases.ask_contact import QuestionKind, ask_contact, find_answer
from broker.bases.find_base import find_base
from broker.kernel.errors import CourtierError
from web.http.refusals import page
from web.http.session import for_roles
from web.http.work import front, unit

pages = Blueprint("contacts", __name__)


@pages.get("/bases/<code>/contacts")
@for_roles("owner")
def index(code: str) -> str:
    """The form that asks for a reference."""
    with unit() as work:
        return render_template("contacts/index.html", base=find_base(work, code), form={})


@pages.post("/bases/<code>/contacts")
@for_roles("owner")
def ask(code: str) -> Reply:
    """Ask a worker about a contact, or have it erased."""
    kind: QuestionKind = "erase" if request.form.get("then") == "erase" else "show"
    try:
        with unit() as work:
            note_bulk_read(work, "contact", code, 1, front().settings.trade.bulk_read_alert)
            question = ask_contact(work, front().keys, code, request.form.get("reference", ""), kind)
    except CourtierError as refusal:
        with unit() as work:
            return page("contacts/index.html", refusal, base=find_base(work, code), form=request.form)
    return redirect(url_for("contacts.show", code=question.code), 303)


@pages.get("/contacts/questions/<code>")
@for_roles("owner")
def show(code: str) -> str:
    """The answer, or that it is on its way."""
    with unit() as work:
        question = find_answer(work, code)
        return render_template("contacts/answer.html", question=question, base=find_base(work, question.base_code))


@pages.get("/contacts/questions/<code>/progress")
@for_roles("owner")
def progress(code: str) -> str | Response:
    """The part of the page that asks again until a worker has answered."""
    with unit() as work:
        question = find_answer(work, code)
    if question.state != "waiting":
        return Response(headers={"HX-Refresh": "true"})
    return render_template("contacts/asking.html", question=question)
