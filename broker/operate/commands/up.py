"""Starts everything on this machine: database, web, audience, workers."""

from __future__ import annotations

import click

from broker.operate.cli import Invocation
from broker.operate.output import json_option, print_json, say
from broker.operate.system import running_system


@click.command()
@json_option
@click.pass_obj
def command(invocation: Invocation, as_json: bool) -> None:
    """Start everything on this machine; Ctrl-C stops it cleanly.

    With --json one object is printed once all is ready: {"url", "state"}.

    Example: courtier up
    """
    settings = invocation.settings
    say(f"Starting Courtier '{settings.instance.name}' (state: {settings.state_dir})")
    try:
        with running_system(settings, say) as system:
            if not system.accounts.separate:
                say("Note: front and workers share one user here; courtier doctor says what that means.")
            url = f"http://{settings.web.host}:{settings.web.port}"
            say(f"Ready: {url}   Ctrl-C stops it.")
            if as_json:
                print_json({"url": url, "state": str(settings.state_dir)})
            system.supervisor.wait()
    except KeyboardInterrupt:
        say("Stopped.")
