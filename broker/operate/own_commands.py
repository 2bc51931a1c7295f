"""`courtier mailing own …`: an owner's own mailings from scripts, in its name; `courtier mailing leaks`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

import click

from broker.feedback.leaks import list_leaks
from broker.kernel.clock import PARIS
from broker.kernel.database import UnitOfWork
from broker.mailings.own.effect import Effect, effect_of
from broker.mailings.own.find import find_own_mailing, list_own_mailings, parts_of, variants_of
from broker.mailings.own.model import BASES, GOALS, OwnMailing
from broker.mailings.own.plan import create_own_mailing, plan_own_mailing, set_variants, what_lacks
from broker.mailings.own.propose import propose_segments
from broker.mailings.own.steps import cancel_own_mailing, pause_own_mailing, resume_own_mailing
from broker.mailings.own.totals import totals_of
from broker.operate.acting import acting, as_option
from broker.operate.cli import Invocation
from broker.operate.output import json_option, print_json, print_table

MOMENT = click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M"])
_NUMBERS = ("id", "org_id", "base_id", "held_out_seed")


@click.group()
def own() -> None:
    """Own mailings: what an owner writes to its own people.

    Example: courtier mailing own list
    """


@own.command("list")
@json_option
@click.pass_obj
def list_all(invocation: Invocation, as_json: bool) -> None:
    """List own mailings, the newest first; with --json one line each.

    Example: courtier mailing own list
    """
    with acting(invocation.settings) as unit:
        found = [(one, totals_of(unit, one)) for one in list_own_mailings(unit)]
    if as_json:
        for one, totals in found:
            print_json({**_keys(one), **asdict(totals)})
        return
    rows = [(one.code, one.name, one.goal, one.base_code, one.state, totals.frozen) for one, totals in found]
    print_table(("code", "name", "goal", "base", "state", "recipients"), rows)


@own.command()
@click.argument("base")
@click.argument("goal", type=click.Choice(GOALS))
@as_option
@json_option
@click.pass_obj
def propose(invocation: Invocation, base: str, goal: str, org_code: str, as_json: bool) -> None:
    """Propose segments of BASE for a goal, with their reasons; with --json one line each.

    Example: courtier mailing own propose shop loyalty --as org_9x1c…
    """
    with acting(invocation.settings, org_code) as unit:
        found = propose_segments(unit, base, goal)
    if as_json:
        for one in found:
            print_json(asdict(one))
        return
    print_table(("segment", "why", "rule", "customers"), [(o.name, o.why, o.rule_text, o.customers) for o in found])


@own.command()
@click.argument("base")
@click.argument("name")
@click.option("--goal", type=click.Choice(GOALS), default="loyalty", show_default=True)
@click.option("--basis", type=click.Choice(BASES), help="Legal basis; by default what the goal suggests.")
@click.option("--likeness", default="", help="Why the offer is similar to what customers bought.")
@click.option(
    "--to", "pairs", multiple=True, metavar="SEGMENT=CREATIVE", help="A segment and its message, in order; all=… last."
)
@click.option("--at", "starts_at", type=MOMENT, help="Day and hour of Paris; by default at once.")
@click.option("--event", default="", metavar="KIND[:FIELD]", help="A standing mailing: each day to whom it falls due.")
@click.option("--days", type=int, default=0, help="Days before an anniversary, or after the other events.")
@click.option("--hour", type=click.IntRange(0, 23), default=9, show_default=True, help="Of a standing mailing.")
@click.option("--backlog", is_flag=True, help="Also whoever is overdue or inactive already.")
@click.option("--category", default="", help="Of the products that messages name.")
@click.option("--hold-out", type=click.FloatRange(0, 50), default=0.0, help="Per cent that are not written to.")
@click.option("--window", type=click.IntRange(1, 365), default=30, show_default=True, help="Days of purchases.")
@click.option("--plan", "plan_it", is_flag=True, help="Put it on its way.")
@as_option
@json_option
@click.pass_obj
def new(
    invocation: Invocation,
    base: str,
    name: str,
    goal: str,
    basis: str | None,
    likeness: str,
    pairs: Sequence[str],
    starts_at: datetime | None,
    event: str,
    days: int,
    hour: int,
    backlog: bool,
    category: str,
    hold_out: float,
    window: int,
    plan_it: bool,
    org_code: str,
    as_json: bool,
) -> None:
    """Begin an own mailing to the people of BASE.

    \b
    Example: courtier mailing own new shop "Winter" --to seg_1a…=creative_2b… --hold-out 10 --plan --as org_9x1c…
             courtier mailing own new shop "Birthdays" --basis consent --to all=creative_2b… \\
               --event birthday --days 3 --plan --as org_9x1c…
    """
    kind, _, field = event.partition(":")
    values: dict[str, Any] = {
        "likeness": likeness, "starts_at": None if starts_at is None else starts_at.replace(tzinfo=PARIS),
        "send_hour": hour, "category": category, "held_out_bp": round(hold_out * 100), "window_days": window,
    }  # fmt: skip
    if kind:
        values |= {"event_kind": kind, "event_field": field, "event_days": days, "backlog": backlog}
    if basis is not None:
        values["legal_basis"] = basis
    with acting(invocation.settings, org_code) as unit:
        made = create_own_mailing(unit, base, name, goal, **values)
        rows = [pair.partition("=") for pair in pairs]
        set_variants(
            unit,
            made.code,
            [{"segment": "" if segment == "all" else segment, "creative": creative} for segment, _, creative in rows],
        )
        if plan_it:
            made = plan_own_mailing(unit, made.code)
        lacking = what_lacks(unit, made) if made.state == "draft" else []
    if as_json:
        print_json({**_keys(made), "lacking": lacking})
    else:
        print(f"{made.code}: {made.state}" + (f", lacks {', '.join(lacking)}" if lacking else ""))


@own.command()
@click.argument("code")
@json_option
@click.pass_obj
def show(invocation: Invocation, code: str, as_json: bool) -> None:
    """Show an own mailing: its segments, what its runs made, what it caused.

    Example: courtier mailing own show own_7m2k…
    """
    with acting(invocation.settings) as unit:
        found = find_own_mailing(unit, code)
        variants, parts = variants_of(unit, found), parts_of(unit, found)
        totals, effect = totals_of(unit, found), effect_of(unit, code)
    if as_json:
        print_json(
            {
                **_keys(found),
                "variants": [{"segment": one.segment_code, "creative": one.creative_code} for one in variants],
                "parts": [asdict(part) for part in parts],
                "totals": asdict(totals),
                "effect": _effect_keys(effect),
            }
        )
        return
    rows = [(name.replace("_", " "), value) for name, value in {**_keys(found), **asdict(totals)}.items()]
    print_table(("what", "value"), [*rows, *_effect_rows(effect)])
    print_table(
        ("day", "segment", "mailing", "state", "people", "held out"),
        [(p.run_on, p.segment_name or "everybody else", p.mailing_code, p.state, p.people, p.held_out) for p in parts],
    )


def _verb(name: str, help_text: str, act: Callable[[UnitOfWork, str], OwnMailing]) -> None:
    @own.command(name, help=f"{help_text}\n\nExample: courtier mailing own {name} own_7m2k…")
    @click.argument("code")
    @json_option
    @click.pass_obj
    def verb(invocation: Invocation, code: str, as_json: bool) -> None:
        with acting(invocation.settings) as unit:
            found = act(unit, code)
        if as_json:
            print_json(_keys(found))
        else:
            print(f"{found.code}: {found.state}")


_verb("plan", "Put a draft on its way.", plan_own_mailing)
_verb("pause", "Stop for a while; events of the pause are not made up for.", pause_own_mailing)
_verb("resume", "Let a paused one go on.", resume_own_mailing)
_verb("cancel", "Stop for good.", cancel_own_mailing)


@click.command()
@json_option
@click.pass_obj
def leaks(invocation: Invocation, as_json: bool) -> None:
    """List mails from strangers to control addresses, by base and mailing; with --json one line each.

    Example: courtier mailing leaks
    """
    with acting(invocation.settings) as unit:
        found = list_leaks(unit)
    if as_json:
        for one in found:
            print_json(asdict(one))
        return
    rows = [
        (o.code, o.state, o.base_code, o.mailing_code, o.sender_domain, o.mails, f"{o.last_at:%Y-%m-%d %H:%M}")
        for o in found
    ]
    print_table(("case", "state", "base", "mailing", "sender", "mails", "last"), rows)


def _keys(found: OwnMailing) -> dict[str, Any]:
    return {name: value for name, value in asdict(found).items() if name not in _NUMBERS}


def _effect_keys(effect: Effect) -> dict[str, Any]:
    return {**asdict(effect), "proven": effect.proven, "complete": effect.complete}


def _effect_rows(effect: Effect) -> list[tuple[str, object]]:
    if effect.rate is None or effect.net_cents is None:
        return [("effect", effect.reason)]
    rate, net = effect.rate, effect.net_cents
    return [
        ("bought, mailed", f"{effect.mailed.buyers} of {effect.mailed.people}"),
        ("bought, held out", f"{effect.held_out.buyers} of {effect.held_out.people}"),
        ("difference of rates", f"{rate.value:.2%} ({rate.low:.2%} to {rate.high:.2%})"),
        ("net of cost, cents", f"{net.value:.0f} ({net.low:.0f} to {net.high:.0f})"),
    ]
