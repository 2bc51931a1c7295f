"""Files that workers write: ask for one, watch it, take it away, stop it or throw it away."""

from __future__ import annotations

from datetime import timedelta

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from broker.billing.exports.export_files import (
    FORMATS,
    ask_file,
    drop_file,
    file_to_take,
    find_file,
    kinds_for,
    list_files,
)
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import CourtierError
from web.http.forms import required_day
from web.http.refusals import page
from web.http.session import for_roles
from web.http.tables import asked_page
from web.http.take_away import file_reply
from web.http.work import actor, front, unit

pages = Blueprint("files", __name__)


def _contents(work: UnitOfWork) -> dict[str, object]:
    start = (work.today.replace(day=1) - timedelta(days=1)).replace(day=1)
    return {
        "files": list_files(work, asked_page()),
        "kinds": [(kind, FORMATS[kind]) for kind in kinds_for(work.actor.role)],
        "start": start,
        "end": work.today.replace(day=1) - timedelta(days=1),
    }


@pages.get("/files")
@for_roles("accountant", "broker", "owner")
def index() -> str:
    """The files of the viewer's organisation, and a form to ask for one."""
    with unit() as work:
        return render_template("accounting/files.html", form={}, **_contents(work))


@pages.post("/files")
@for_roles("accountant", "broker", "owner")
def ask() -> Response:
    """Ask for a file; the page shows its progress."""
    form = request.form
    kind, _, asked_format = form.get("what", "").partition(".")
    try:
        with unit() as work:
            first, last = required_day(form.get("from", ""), "from"), required_day(form.get("to", ""), "to")
            ask_file(work, front().settings.books, kind, asked_format, first, last)
    except CourtierError as refusal:
        with unit() as work:
            return page("accounting/files.html", refusal, form=form, **_contents(work))
    return redirect(url_for("files.index"), 303)


@pages.get("/files/<code>/progress")
@for_roles("accountant", "broker", "owner")
def progress(code: str) -> str:
    """The line of one file, which asks for itself again until it is written."""
    with unit() as work:
        return render_template("accounting/file.html", file=find_file(work, code))


@pages.get("/files/<code>")
@for_roles("accountant", "broker", "owner")
def take(code: str) -> Response:
    """The file itself, streamed; a range of it for whoever goes on where it stopped."""
    with unit() as work:
        file = file_to_take(work, code)
    return file_reply(front().database, actor(), file)


@pages.post("/files/<code>/drop")
@for_roles("accountant", "broker", "owner")
def drop(code: str) -> Response:
    """Stop the writing, or throw the file away."""
    with unit() as work:
        drop_file(work, code)
    return redirect(url_for("files.index"), 303)
