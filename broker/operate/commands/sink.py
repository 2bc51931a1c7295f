"""Runs the built-in mail sink: keeps every mail, delivers none (demo and tests)."""

from __future__ import annotations

from pathlib import Path

import click

from broker.operate.mail_sink import parse_sink_rule, run_sink


@click.command(hidden=True)
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=2525, show_default=True, help="0 takes a free one.")
@click.option("--folder", type=click.Path(file_okay=False, path_type=Path), required=True)
@click.option("--rule", "rules", multiple=True, help="action:pattern over the recipient; may be repeated.")
def command(host: str, port: int, folder: Path, rules: tuple[str, ...]) -> None:
    """Run the mail sink until Ctrl-C; prints its port once it listens.

    Actions of rules: refuse, defer, defer-once, drop (at DATA), drop-after (the message), hang.

    Example: courtier sink --port 2525 --folder /tmp/sink --rule 'refuse:^nobody@'
    """
    parsed = [parse_sink_rule(rule) for rule in rules]
    run_sink(host, port, folder, parsed, lambda real: print(f"listening on port {real}", flush=True))
