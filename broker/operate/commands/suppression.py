"""Subscribes suppression files, shows them, and allows the hosts that they come from."""

from __future__ import annotations

import click

from broker.kernel.paging import MOST_ON_PAGE
from broker.operate.acting import acting, as_option, show
from broker.operate.cli import Invocation
from broker.operate.output import json_option, print_json, print_table
from broker.suppression.receive_list import list_lists
from broker.suppression.subscribe import allow_host, forbid_host, list_feeds, read_again, subscribe, unsubscribe


@click.group()
def command() -> None:
    """An advertiser's suppression files: those that are fetched, and from where.

    Example: courtier suppression list --as org_9x1c…
    """


@command.command("subscribe")
@click.argument("name")
@click.argument("url")
@as_option
@json_option
@click.pass_obj
def subscribe_file(invocation: Invocation, name: str, url: str, org_code: str, as_json: bool) -> None:
    """Have the file at URL fetched every day and before each send.

    Example: courtier suppression subscribe customers https://files.example.com/ours.csv --as org_9x1c…
    """
    with acting(invocation.settings, org_code) as unit:
        feed = subscribe(unit, name, url)
    show(feed, as_json)


@command.command()
@click.argument("feed")
@click.option("--end", "ends", is_flag=True, help="End the subscription instead.")
@as_option
@click.pass_obj
def read(invocation: Invocation, feed: str, ends: bool, org_code: str) -> None:
    """Have FEED read now by a worker, or end it.

    Example: courtier suppression read feed_4t8w… --as org_9x1c…
    """
    with acting(invocation.settings, org_code) as unit:
        if ends:
            unsubscribe(unit, feed)
        else:
            read_again(unit, feed)
    print("Ended." if ends else "Asked.")


@command.command("list")
@click.option("--page", type=click.IntRange(1, 1_000_000), default=1, help="Of the files sent, the newest first.")
@as_option
@json_option
@click.pass_obj
def show_all(invocation: Invocation, page: int, org_code: str, as_json: bool) -> None:
    """The files of an advertiser: sent (a page of 200) and subscribed.

    Example: courtier suppression list --as org_9x1c…
    """
    with acting(invocation.settings, org_code) as unit:
        sent, feeds = list_lists(unit, page, MOST_ON_PAGE), list_feeds(unit)
    rows: list[tuple[object, ...]] = [
        (one.code, one.name, one.state, one.entries, one.created_at, one.problem) for one in sent.items
    ]
    rows += [(one.code, one.name, one.state, one.entries or 0, one.fresh_at or "", one.problem) for one in feeds]
    if as_json:
        keys = ("code", "name", "state", "entries", "fresh_at", "problem")
        files = [dict(zip(keys, row, strict=True)) for row in rows]
        print_json({"files": files, "page": sent.number, "pages": sent.pages})
    else:
        print_table(("file", "name", "state", "entries", "fresh", "problem"), rows)
        if sent.pages > 1:
            print(f"Page {sent.number} of {sent.pages}: --page shows another.")


@command.command()
@click.argument("organisation", metavar="ORG")
@click.argument("name")
@click.option("--forbid", is_flag=True, help="Forbid it again.")
@json_option
@click.pass_obj
def host(invocation: Invocation, organisation: str, name: str, forbid: bool, as_json: bool) -> None:
    """Allow the host NAME for files of the advertiser ORG, once you know whose it is.

    Example: courtier suppression host org_9x1c… files.example.com
    """
    with acting(invocation.settings) as unit:
        hosts = (forbid_host if forbid else allow_host)(unit, organisation, name)
    if as_json:
        print_json({"hosts": hosts})
    else:
        print_table(("host",), [(one,) for one in hosts])
