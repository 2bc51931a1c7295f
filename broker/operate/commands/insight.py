"""What an order log says about its customers: RFM, potential, affinity (files alone, no database)."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any, TypeVar

import click

from broker.insight.affinity import affinity
from broker.insight.order_log import OrderLog, read_order_log
from broker.insight.potential import (
    UNIT_DAYS,
    expected_purchases,
    expected_transaction_value,
    fit_bg_nbd,
    fit_gamma_gamma,
    histories,
    probability_alive,
)
from broker.insight.rfm import CLASSES, rfm
from broker.kernel.safe_csv import SafeWriter
from broker.operate.days import DAY
from broker.operate.output import json_option, print_json, print_table

Command = TypeVar("Command", bound=Callable[..., Any])


def _order_options(function: Command) -> Command:
    """FILE and the names of its columns."""
    for option in (
        click.option("--amount", required=True, metavar="COL", help="Column of the amount."),
        click.option("--date", "date_column", required=True, metavar="COL", help="Column of the date."),
        click.option("--customer", required=True, metavar="COL", help="Column of the customer's reference."),
        click.argument("orders", type=click.Path(path_type=Path)),
    ):
        function = option(function)
    return function


def _days(day: datetime) -> int:
    return (day.date() - date(1970, 1, 1)).days


def _write(out: Path | None, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    if out is not None:
        with out.open("w", encoding="utf-8", newline="") as file:
            writer = SafeWriter(file)
            writer.writerow(header)
            writer.writerows(rows)


@click.group()
def command() -> None:
    """What an order log says about its customers.

    Example: courtier insight rfm orders.csv --as-of 2026-01-31 --customer client --date jour --amount montant
    """


@command.command("rfm")
@_order_options
@click.option("--as-of", type=DAY, required=True, help="The day on which recency is measured.")
@click.option("--bins", type=click.IntRange(2, 10), default=5, show_default=True, help="Scores go from 1 to this.")
@click.option("--out", type=click.Path(path_type=Path), help="Write one line a customer to this CSV.")
@json_option
def rfm_command(
    orders: Path,
    customer: str,
    date_column: str,
    amount: str,
    as_of: datetime,
    bins: int,
    out: Path | None,
    as_json: bool,
) -> None:
    """Recency, frequency and monetary scores, and the class they name.

    Example: courtier insight rfm orders.csv --as-of 2026-01-31 --customer client --date jour --amount montant
    """
    log = read_order_log(orders, customer=customer, date_column=date_column, amount=amount)
    table = rfm(log, _days(as_of), bins)
    _write(
        out,
        ("customer", "recency_days", "frequency", "monetary", "r", "f", "m", "class"),
        (
            (who, days, times, f"{cents / 100:.2f}", r, f, m, CLASSES[named][0])
            for who, days, times, cents, r, f, m, named in zip(
                table.customers,
                table.recency_days,
                table.frequency,
                table.monetary_cents,
                table.r,
                table.f,
                table.m,
                table.classes,
                strict=True,
            )
        ),
    )
    thresholds = {
        "recency_days": table.thresholds["recency_days"],
        "frequency": table.thresholds["frequency"],
        "monetary": [cents / 100 for cents in table.thresholds["monetary_cents"]],
    }
    sizes = table.class_sizes()
    if as_json:
        print_json({"customers": len(table.customers), "thresholds": thresholds, "classes": sizes})
        return
    click.echo(f"{len(table.customers):,} customers on {as_of:%Y-%m-%d}")
    for name, cuts in thresholds.items():
        click.echo(f"  {name}: scores change at {', '.join(f'{cut:g}' for cut in cuts)}")
    print_table(
        ("class", "customers", "share"),
        ((name, f"{size:,}", f"{size / len(table.customers):.1%}") for name, size in sizes.items()),
    )


@command.command("potential")
@_order_options
@click.option("--until", type=DAY, required=True, help="The last day of the log that is used.")
@click.option("--unit", type=click.Choice(list(UNIT_DAYS)), required=True, help="The unit of time.")
@click.option("--horizon", type=click.FloatRange(min=0, min_open=True), required=True, help="Units ahead to expect.")
@click.option("--out", type=click.Path(path_type=Path), help="Write one line a customer to this CSV.")
@json_option
def potential_command(
    orders: Path,
    customer: str,
    date_column: str,
    amount: str,
    until: datetime,
    unit: str,
    horizon: float,
    out: Path | None,
    as_json: bool,
) -> None:
    """Expected purchases and value of each customer (BG/NBD and Gamma-Gamma).

    Example: courtier insight potential orders.csv --until 2026-01-31 --unit week --horizon 26
    --customer client --date jour --amount montant
    """
    log = read_order_log(orders, customer=customer, date_column=date_column, amount=amount)
    seen = histories(log, _days(until), unit)
    often, much = fit_bg_nbd(seen), fit_gamma_gamma(seen)
    purchases = expected_purchases(often, seen, horizon)
    value = purchases * expected_transaction_value(much, seen)
    alive = probability_alive(often, seen)
    _write(
        out,
        ("customer", "x", "t_x", "T", "expected_purchases", "expected_value", "alive"),
        (
            (who, int(x), f"{t_x:.6g}", f"{seen_for:.6g}", f"{count:.6g}", f"{worth:.2f}", f"{odds:.6g}")
            for who, x, t_x, seen_for, count, worth, odds in zip(
                seen.customers, seen.x, seen.t_x, seen.observed, purchases, value, alive, strict=True
            )
        ),
    )
    result = {
        "bgnbd": dataclasses.asdict(often),
        "gamma_gamma": dataclasses.asdict(much),
        "customers": len(seen.customers),
        "expected_total": float(purchases.sum()),
    }
    if as_json:
        print_json(result)
        return
    click.echo(f"{len(seen.customers):,} customers until {until:%Y-%m-%d}, time in {unit}s")
    click.echo(
        f"  BG/NBD: r={often.r:.4f} alpha={often.alpha:.4f} a={often.a:.4f} b={often.b:.4f} "
        f"(log-likelihood {often.log_likelihood:.1f})"
    )
    click.echo(f"  Gamma-Gamma: p={much.p:.4f} q={much.q:.4f} v={much.v:.4f}")
    click.echo(f"  In the next {horizon:g} {unit}s: {purchases.sum():,.1f} purchases worth {value.sum():,.2f}")


@command.command("affinity")
@_order_options
@click.option("--product", "label", required=True, metavar="COL", help="Column of the product or category.")
@click.option("--level", type=click.FloatRange(0, 1), default=0.05, show_default=True, help="False-discovery rate.")
@click.option("--fewest", type=click.IntRange(2), default=20, show_default=True, help="Fewest buyers of an item.")
@json_option
def affinity_command(
    orders: Path, customer: str, date_column: str, amount: str, label: str, level: float, fewest: int, as_json: bool
) -> None:
    """What small, medium and large customers buy more or less than chance says.

    Example: courtier insight affinity orders.csv --customer client --date jour --amount montant --product rayon
    """
    log: OrderLog = read_order_log(orders, customer=customer, date_column=date_column, amount=amount, labels=(label,))
    findings = affinity(log, label, level=level, fewest=fewest)
    if as_json:
        print_json({"findings": [dataclasses.asdict(finding) for finding in findings]})
        return
    if not findings:
        click.echo("Nothing differs from chance at this level.")
        return
    print_table(
        ("tier", "item", "buyers", "of the tier", "lift", "corrected p", ""),
        (
            (
                one.tier,
                one.item,
                f"{one.customers:,}",
                f"{one.confidence:.1%}",
                f"{one.lift:.2f}",
                f"{one.corrected_p:.2g}",
                "surprise" if one.surprise else "",
            )
            for one in findings
        ),
    )
