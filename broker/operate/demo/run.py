"""Runs the demo's acts on a fresh instance and prints what came of it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

from rich.table import Table

from broker.kernel.database import Database, make_engine
from broker.kernel.money import format_cents
from broker.kernel.settings import Settings
from broker.operate.demo import acts
from broker.operate.demo.cast import create_cast
from broker.operate.demo.instance import demo_folder, fresh_demo
from broker.operate.demo.scene import Scene
from broker.operate.demo.sink_part import sink_part
from broker.operate.demo.stage import Stages
from broker.operate.system import System, running_system

ACTS: tuple[tuple[str, str, Callable[[Scene], None]], ...] = (
    ("files", "Writing the owners' files", acts.write_files),
    ("import", "The owner imports contacts and purchases", acts.import_base),
    ("publish", "The owner counts a segment and publishes a data card", acts.publish),
    ("book", "An advertiser counts, orders and prepays; the owner approves", acts.book),
    ("send", "The mailing is frozen and sent over SMTP, signed", acts.send),
    ("react", "Recipients click, leave and bounce", acts.react),
    ("affiliate", "A small base joins a programme and sends", acts.affiliate),
    ("settle", "Revenue is invoiced and shared", acts.settle),
)
KEYS = (
    "contacts_read",
    "contacts_accepted",
    "contacts_rejected",
    "duplicates",
    "segment_size",
    "card_size_shown",
    "frozen",
    "accepted",
    "refused",
    "deferred",
    "withheld",
    "uncertain",
    "bounced",
    "seeds",
    "affiliate_accepted",
    "hits",
    "scanner_hits",
    "unsubscribed",
    "sends_micros",
    "ledger_cents",
    "invoice_cents",
    "owner_cents",
    "commission_cents",
    "balanced",
    "config",
    "stages",
)


def run_demo(
    given: Settings,
    *,
    contacts: int,
    volume: int,
    seed: int,
    serve: bool,
    on_files: Callable[[Scene], None] = lambda scene: None,
    on_end: Callable[[Scene, System], None] = lambda scene, system: None,
) -> dict[str, Any]:
    """Play all acts; the result has the keys of `courtier demo --json` (KEYS).

    `on_files` is called once the owners' files are written and not yet imported, `on_end` after the last act while
    everything still runs. With `serve` the pages stay up until Ctrl-C.
    """
    stages = Stages(("start", *(name for name, _, _ in ACTS)))
    settings = fresh_demo(given, contacts)
    with ExitStack() as stack:
        with stages.stage("start", "Starting a fresh demo: database, web, audience, workers, mail sink"):
            _say_instance(stages, settings)
            system = stack.enter_context(running_system(settings, stages.say, extra=(sink_part(settings),)))
        scene = _scene(system, stages, contacts, volume, seed)
        for name, title, act in ACTS:
            with stages.stage(name, title):
                act(scene)
                if name == "files":
                    on_files(scene)
            system.supervisor.check()
        scene.result["config"] = str(settings.source)
        scene.result["stages"] = stages.seconds
        print_report(scene)
        on_end(scene, system)
        if serve:
            print_log_ins(scene)
            try:
                system.supervisor.wait()
            except KeyboardInterrupt:
                stages.console.print("Stopping …")
    return {key: scene.result[key] for key in KEYS}


def _say_instance(stages: Stages, settings: Settings) -> None:
    stages.say(f"state: {settings.state_dir}")
    floor, legal = settings.disclosure.publication_floor_b2c, Settings().disclosure.publication_floor_b2c
    if floor < legal:
        stages.say(f"too few contacts for the legal floor of {legal:,}: this demo's floor is {floor:,}")


def _scene(system: System, stages: Stages, contacts: int, volume: int, seed: int) -> Scene:
    database = Database(make_engine(system.server.url("worker")))
    return Scene(
        settings=system.settings,
        database=database,
        cast=create_cast(database),
        stages=stages,
        folder=demo_folder(system.settings),
        contacts=contacts,
        volume=volume,
        seed=seed,
    )


def print_report(scene: Scene) -> None:
    """The accounting report, and the three sums side by side."""
    report = scene.door("accountant").get(scene.known["report"])
    table = Table(title="Revenue", title_justify="left", box=None, header_style="bold")
    for column in ("mailing", "kind", "sends", "billable", "gross", "owner", "commission"):
        table.add_column(column, justify="left" if column in ("mailing", "kind") else "right")
    for row in report["rows"]:
        table.add_row(
            row["mailing"],
            row["kind"],
            f"{row['sends']:,}",
            f"{row['billable']:,}",
            *(format_cents(row[f"{part}_cents"]) for part in ("gross", "owner", "commission")),
        )
    say = scene.stages.console.print
    verdict = "[green]equal[/]" if report["balanced"] else "[red]DIFFERENT[/]"
    say()
    say(table)
    say(
        f"\n  sends {report['sends_micros']:,} micro-euro  =  ledger {format_cents(report['ledger_cents'])}"
        f"  =  invoices {format_cents(report['invoice_cents'])}   {verdict}"
    )
    say(f"  in {sum(scene.stages.seconds.values()):,.0f} seconds")


def print_log_ins(scene: Scene) -> None:
    """Where the pages are, and one log-in for each role."""
    table = Table(box=None, header_style="bold")
    for column in ("role", "e-mail", "password"):
        table.add_column(column)
    for player in scene.cast.values():
        table.add_row(f"{player.role} ({player.org_name})", player.email, player.password)
    say = scene.stages.console.print
    say(f"\n[bold]The pages are at {scene.address}[/]  (Ctrl-C stops everything)\n")
    say(table)
    say(f"\n  other commands on these data: courtier --config {scene.settings.source} COMMAND")
