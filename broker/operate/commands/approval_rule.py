"""Writes, stops and lists the rules by which an owner's orders are answered without it."""

from __future__ import annotations

import click

from broker.operate.acting import acting, as_option, show
from broker.operate.cli import Invocation
from broker.operate.output import json_option, print_json, print_table
from broker.rentals.approval_model import Effect
from broker.rentals.approval_rules import list_rules, stop_rule, write_rule


@click.group()
def command() -> None:
    """An owner's rules: whom it always refuses, whom it trusts.

    Example: courtier approval-rule list --as org_5h3j…
    """


@command.command()
@click.argument("effect", type=click.Choice(["refuse", "approve"]))
@click.argument("title")
@click.option("--advertiser", multiple=True, metavar="ORG", help="An advertiser; may be repeated.")
@click.option("--sector", multiple=True, help="A sector of the advertiser; may be repeated.")
@click.option("--domain", multiple=True, help="A domain of landing pages or of the advertiser, to refuse.")
@click.option("--least-cpm", type=click.IntRange(1), metavar="CENTS", help="A price per thousand, to approve.")
@click.option("--most-volume", type=click.IntRange(1), help="A largest volume, to approve.")
@click.option("--reason", default="", help="What refused advertisers read.")
@click.option("--base", default="", help="For one base only.")
@as_option
@json_option
@click.pass_obj
def write(
    invocation: Invocation,
    effect: Effect,
    title: str,
    advertiser: tuple[str, ...],
    sector: tuple[str, ...],
    domain: tuple[str, ...],
    least_cpm: int | None,
    most_volume: int | None,
    reason: str,
    base: str,
    org_code: str,
    as_json: bool,
) -> None:
    """Write a rule that answers orders from now on.

    Example: courtier approval-rule write refuse "No bets" --sector gambling --reason "Not with us." --as org_5h3j…
    """
    with acting(invocation.settings, org_code) as unit:
        rule = write_rule(
            unit,
            effect,
            title,
            advertisers=advertiser,
            sectors=sector,
            domains=domain,
            least_cpm_cents=least_cpm,
            most_volume=most_volume,
            reason=reason,
            base_code=base,
        )
    show(rule, as_json)


@command.command()
@click.argument("rule")
@as_option
@json_option
@click.pass_obj
def stop(invocation: Invocation, rule: str, org_code: str, as_json: bool) -> None:
    """Stop RULE; what it decided stays.

    Example: courtier approval-rule stop rule_4t8w… --as org_5h3j…
    """
    with acting(invocation.settings, org_code) as unit:
        stopped = stop_rule(unit, rule)
    show(stopped, as_json)


@command.command("list")
@click.option("--page", default=1, type=click.IntRange(1), help="Which page of 200.")
@as_option
@json_option
@click.pass_obj
def show_all(invocation: Invocation, org_code: str, page: int, as_json: bool) -> None:
    """The rules in the order in which they are tried, stopped ones last.

    Example: courtier approval-rule list --as org_5h3j…
    """
    with acting(invocation.settings, org_code) as unit:
        rules = list_rules(unit, page, 200).items
    if as_json:
        keys = (
            "code",
            "effect",
            "title",
            "advertisers",
            "sectors",
            "domains",
            "least_cpm_cents",
            "most_volume",
            "active",
        )
        print_json({"rules": [{key: getattr(rule, key) for key in keys} for rule in rules]})
        return
    print_table(
        ("rule", "effect", "title", "active"),
        [(rule.code, rule.effect, rule.title, "yes" if rule.active else "stopped") for rule in rules],
    )
