"""What the rule editor asks while one clicks: rule text and tree as each other, figures, fields, values, places."""

from __future__ import annotations

import json
from typing import Any

from flask import Blueprint, Response, jsonify, render_template, request
from flask_babel import gettext as _

from broker.audience.columns import Column
from broker.audience.parse import parse_rule
from broker.audience.places import places
from broker.bases.find_base import find_base
from broker.catalogue.explain_rule import ExplainedRule, RuleFault, explain_text, explain_tree
from broker.catalogue.list_columns import list_columns
from broker.catalogue.segments import read_rule
from broker.kernel.errors import CourtierError, InvalidInput
from web.http.display import number, percent
from web.http.field_words import GROUPS, TYPES, field_group, field_label
from web.http.forms import day_of
from web.http.refusals import sentence
from web.http.session import for_roles
from web.http.work import front, unit

pages = Blueprint("rules", __name__)
MOST_FIELDS = 12  # of one group in the picker; words narrow it down


@pages.post("/bases/<base_code>/rule")
@for_roles("owner")
def explain(base_code: str) -> Response:
    """Text to tree or tree to text, with what is wrong term by term."""
    asked = _body()
    own = str(asked.get("own") or "")
    with unit() as work:
        if "tree" in asked:
            found = explain_tree(work, base_code, asked["tree"], own)
        else:
            found = explain_text(work, base_code, _text(asked, "rule"), own)
        known = {column.name: column for column in list_columns(work, base_code)} if found.faults else {}
    return jsonify(_told(found, known))


@pages.post("/bases/<base_code>/rule/count")
@for_roles("owner")
def count(base_code: str) -> Response:
    """A rule counted whole and branch by branch: a piece of the page."""
    asked = _body()
    branches = asked.get("branches")
    try:
        answer = counted(
            base_code,
            _text(asked, "rule"),
            str(asked.get("send_on") or ""),
            branches if isinstance(branches, list) else [],
        )
    except CourtierError as refusal:
        return Response(render_template("segments/count.html", refusal=refusal, answer=None), refusal.status)
    return Response(render_template("segments/count.html", answer=answer, refusal=None, base_code=base_code))


@pages.post("/bases/<base_code>/rule/policies")
@for_roles("owner")
def policies(base_code: str) -> Response:
    """What each partner policy would allow of a rule: a piece of the page."""
    try:
        with unit() as work:
            base = find_base(work, base_code)
            rule = read_rule(work, base.id, request.form.get("rule", ""))
        answer = front().audience.ask("count_policies", base_id=base.id, rule=rule)
    except CourtierError as refusal:
        return Response(render_template("segments/policies.html", refusal=refusal, answer=None), refusal.status)
    return Response(render_template("segments/policies.html", answer=answer, refusal=None, policy=base.partner_policy))


@pages.get("/bases/<base_code>/fields")
@for_roles("owner")
def fields(base_code: str) -> Response:
    """Fields by group that hold these words, with type and completeness."""
    like = request.args.get("like", "").strip().casefold()
    with unit() as work:
        base = find_base(work, base_code)
        columns = list_columns(work, base_code)
    try:
        filled = front().audience.ask("fields_filled", base_id=base.id)
    except CourtierError:  # the picker works without the shares
        filled = {"rows": 0, "filled": {}}
    groups: dict[str, list[dict[str, Any]]] = {name: [] for name in GROUPS}
    for column in sorted(columns, key=lambda one: (not one.name.casefold().startswith(like), len(one.name), one.name)):
        shown = _field(column, filled)
        if like in column.name.casefold() or like in shown["label"].casefold():
            groups[field_group(column)].append(shown)
    names = {column.name for column in columns}
    special = [
        {
            "name": "within",
            "op": "within",
            "type": "place",
            "label": _("Distance from a post code or shop"),
            "small": "",
        },
        {"name": "segment", "op": "segment", "type": "segment", "label": _("Another segment"), "small": ""},
    ]
    found = [
        one for one in special if like in one["label"].casefold() and (one["op"] != "within" or "postcode" in names)
    ]
    told = [{"title": str(GROUPS[name]), "fields": rows[:MOST_FIELDS]} for name, rows in groups.items()]
    return jsonify(groups=[*told, {"title": _("Other conditions"), "fields": found}])


@pages.get("/bases/<base_code>/values")
@for_roles("owner")
def values(base_code: str) -> Response:
    """What a field holds in this base: the owner's own most frequent values, or its range."""
    with unit() as work:
        base_id = find_base(work, base_code).id
    answer = front().audience.ask(
        "field_values", base_id=base_id, field=request.args.get("field", ""), like=request.args.get("like", "")
    )
    for value in answer["values"]:
        value["shown"] = number(value["count"])
    return jsonify(answer)


@pages.get("/bases/<base_code>/places")
@for_roles("owner")
def near(base_code: str) -> Response:
    """Post codes that begin as typed."""
    like = request.args.get("like", "").strip()
    with unit() as work:
        find_base(work, base_code)
    found = [code for code in places().postcodes if code.startswith(like)][:30] if like else []
    rows = [{"label": code, "row": code, "small": ""} for code in found]
    return jsonify(groups=[{"title": _("Post codes"), "rows": rows}])


def counted(base_code: str, text: str, send_on: str, branches: list[Any]) -> dict[str, Any]:
    """The figures of a rule for a day, with its branches'."""
    day = day_of(send_on, "send_on")
    with unit() as work:
        base = find_base(work, base_code)
        rule = read_rule(work, base.id, text)
    dated = {"send_on": day.isoformat()} if day else {}
    answer = front().audience.ask("count_branches", base_id=base.id, rules=[rule, *branches], **dated)
    return {
        **answer["whole"],
        "branches": answer["branches"],
        "send_on": day,
        "everybody": parse_rule(text)["op"] == "all",
        "floor": front().settings.disclosure.floor(base.contact_kind),
    }


def _told(found: ExplainedRule, known: dict[str, Column]) -> dict[str, Any]:
    return {
        "text": found.text,
        "tree": found.tree,
        "faults": [_fault(fault, known) for fault in found.faults],
        "fields": [_field(column, None) for column in found.columns],
    }


def _fault(fault: RuleFault, known: dict[str, Column]) -> dict[str, Any]:
    """A fault as the page tells it, with the nearest names as things to click."""
    fixes: list[dict[str, Any]] = []
    for name in fault.nearest:
        if fault.code == "unknown_field" and name in known:
            fixes.append({"label": field_label(name), "field": _field(known[name], None)})
        elif fault.code == "unknown_segment":
            fixes.append({"label": name, "set": {"segment": name}})
    return {
        "code": fault.code,
        "sentence": fault_sentence(fault),
        "term": fault.term,
        "position": fault.position,
        "length": len(fault.name),
        "fixes": fixes,
    }


def fault_sentence(fault: RuleFault) -> str:
    """In the page's language."""
    if fault.code == "unknown_field":
        known = _("There is no field “%(name)s”.", name=fault.name)
        return f"{known} {_('Did you mean:')}" if fault.nearest else known
    if fault.code == "unknown_segment":
        known = _("There is no segment “%(name)s” of this base.", name=fault.name)
        return f"{known} {_('Did you mean:')}" if fault.nearest else known
    told = sentence(InvalidInput(fault.sentence, code=fault.code))
    if fault.code == "bad_rule" and fault.position:
        return f"{told} {_('(Character %(place)s.)', place=fault.position)}"
    return told


def _field(column: Column, filled: dict[str, Any] | None) -> dict[str, Any]:
    kind = str(TYPES.get(column.type, column.type))
    share = filled["filled"].get(column.name) if filled else None
    known = _("%(share)s known", share=percent(share, filled["rows"])) if filled and share is not None else ""
    return {
        "name": column.name,
        "type": column.type,
        "label": field_label(column.name),
        "small": f"{kind} · {known}" if known else kind,
    }


def _body() -> dict[str, Any]:
    """The JSON of a request."""
    asked = request.get_json(silent=True)
    if not isinstance(asked, dict) or "\\u0000" in json.dumps(asked):
        raise InvalidInput("The request could not be understood.", code="bad_request")
    return asked


def _text(asked: dict[str, Any], name: str) -> str:
    value = asked.get(name, "")
    return value if isinstance(value, str) else ""
