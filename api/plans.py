"""What an owner decides of an upload before its import: columns, merge policies, the dry run, misspelt domains."""

from __future__ import annotations

from typing import Any

from flask_smorest import Blueprint
from marshmallow import Schema, fields, validate

from api.fields import storable
from api.imports import ImportSchema, with_pace
from api.readings import ReadingSchema
from api.work import front, unit
from broker.bases.plan import Plan, accept_domains, ask_check, find_plan, plan_import, start_planned
from broker.kernel.errors import NotFound

calls = Blueprint("plans", __name__, description="Uploads planned and tried before they are imported")


class NewPlan(Schema):
    """What was decided. Columns left out stay as the preview proposes; without `policies` the last ones hold."""

    mapping = fields.Dict(
        keys=fields.String(validate=storable), values=fields.String(validate=storable), load_default=dict,
        metadata={"description": 'header → field, "trait:name" or "ignore"'},
    )  # fmt: skip
    policies = fields.Dict(
        keys=fields.String(validate=storable), values=fields.String(validate=storable), load_default=None,
        allow_none=True, metadata={"description": "field → non_empty, newest, keep"},
    )  # fmt: skip
    reading = fields.Nested(ReadingSchema, load_default=dict)


class PlanSchema(Schema):
    """A plan and what its dry run found so far."""

    mapping = fields.Dict(keys=fields.String(), values=fields.String(), required=True)
    policies = fields.Dict(keys=fields.String(), values=fields.String(), required=True)
    reading = fields.Dict(required=True)
    check_state = fields.String(required=True, metadata={"description": "none, waiting, running, done, failed"})
    checked = fields.Dict(required=True, metadata={
        "description": "rows, accepted, rejected, duplicates, rentable, known, reasons, warnings, normalised, typos,"
        " refused_columns, rejects (the first ones, masked); `whole` is false where only the first rows were tried"
    })  # fmt: skip


class AcceptedDomains(Schema):
    """Of the misspelt domains that the dry run found, those to write right."""

    domains = fields.List(fields.String(validate=storable), required=True, validate=validate.Length(max=200))


@calls.route("/uploads/<code:code>/plan", methods=["POST"])
@calls.arguments(NewPlan)
@calls.response(200, PlanSchema)
def decide(body: dict[str, Any], code: str) -> Any:
    """Decide what the columns are. Two columns of one field, or none of a needed one, are refused."""
    with unit() as work:
        return shown(plan_import(work, code, body["mapping"], body["policies"], body["reading"]))


@calls.route("/uploads/<code:code>/plan", methods=["GET"])
@calls.response(200, PlanSchema)
def show(code: str) -> Any:
    """The plan; ask again until `check_state` is done or failed."""
    with unit() as work:
        return shown(required(find_plan(work, code)))


@calls.route("/uploads/<code:code>/check", methods=["POST"])
@calls.response(202, PlanSchema)
def check(code: str) -> Any:
    """Have a worker try the plan; nothing is written into the base."""
    with unit() as work:
        ask_check(work, code)
        return shown(required(find_plan(work, code)))


@calls.route("/uploads/<code:code>/domains", methods=["POST"])
@calls.arguments(AcceptedDomains)
@calls.response(200, PlanSchema)
def accept(body: dict[str, Any], code: str) -> Any:
    """Accept corrections of misspelt domains; the import counts each address that it writes right."""
    with unit() as work:
        return shown(accept_domains(work, code, body["domains"]))


@calls.route("/uploads/<code:code>/start", methods=["POST"])
@calls.response(201, ImportSchema)
def start(code: str) -> Any:
    """Start the import as planned."""
    with unit() as work:
        run = start_planned(work, code, contract_required=front().settings.trade.contract_required)
        return with_pace(run, work.now)


def shown(plan: Plan) -> dict[str, Any]:
    """A plan as the reply gives it."""
    return {
        "mapping": plan.mapping, "policies": plan.policies, "reading": plan.reading.as_dict(),
        "check_state": plan.check_state, "checked": plan.checked,
    }  # fmt: skip


def required(plan: Plan | None) -> Plan:
    """The plan, or 404 before the first decision."""
    if plan is None:
        raise NotFound("Nothing was decided of this upload yet.", code="no_plan")
    return plan
