"""The command `courtier`: finds its commands, and turns refusals into one sentence and an exit status.

A command is a module of `broker/operate/commands/` with a click command called `command`; `base_check.py` would be
`base-check`. It is imported only when used, so commands on files start without the rest. Its help line is the first
line of the module's docstring.
"""

from __future__ import annotations

import ast
import importlib
import json
import os
import re
import sys
import tempfile
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cached_property
from pathlib import Path

import click

from broker.kernel.errors import CourtierError
from broker.kernel.settings import Settings, load_settings

COMMANDS = Path(__file__).parent / "commands"


@dataclass
class Invocation:
    """What every command gets: `@click.pass_obj`, then `.settings`, read from the file when first asked for."""

    config: Path | None

    @cached_property
    def settings(self) -> Settings:
        """The settings; raises `SettingsError` naming key and line."""
        return load_settings(self.config)


class Commands(click.Group):
    """The modules of `commands/`, each loaded when its name is typed."""

    def list_commands(self, context: click.Context) -> list[str]:
        """All names, sorted."""
        return sorted(path.stem.replace("_", "-") for path in COMMANDS.glob("[a-z]*.py"))

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        """The command of this name, or None."""
        if name not in self.list_commands(context):
            return None
        command = importlib.import_module(f"broker.operate.commands.{name.replace('-', '_')}").command
        assert isinstance(command, click.Command)
        _say_whole_lines(command)
        return command

    def resolve_command(
        self, context: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command typed; an unknown one is answered with the nearest."""
        if args[0] not in (names := self.list_commands(context)) and not args[0].startswith("-"):
            near = " or ".join(f"'{name}'" for name in get_close_matches(args[0], names, 2))
            hint = f"Did you mean {near}?" if near else "The commands: courtier --help."
            context.fail(f"There is no command '{args[0]}'. {hint}")
        return super().resolve_command(context, args)

    def format_commands(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        """The list in `courtier --help`, read from the modules' first lines without importing them."""
        rows = []
        for name in self.list_commands(context):
            module = ast.parse((COMMANDS / f"{name.replace('-', '_')}.py").read_text(encoding="utf-8"))
            rows.append((name, (ast.get_docstring(module) or "").partition("\n")[0]))
        with formatter.section("Commands"):
            formatter.write_dl(rows)


def _say_whole_lines(command: click.Command) -> None:
    """What each verb of a group does, whole: click would cut it at the width, where ours go on on the next line."""
    if isinstance(command, click.Group):
        for verb in command.commands.values():
            first = " ".join((verb.help or "").partition("\n\n")[0].split())
            verb.short_help = verb.short_help or re.split(r"(?<=\.) (?=[A-Z])", first)[0]
            _say_whole_lines(verb)


@click.command(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.option(
    "--config",
    type=click.Path(dir_okay=False, path_type=Path),
    envvar="COURTIER_CONFIG",
    help="The settings file (default: COURTIER_CONFIG, else the embedded default).",
)
@click.version_option(package_name="courtier")
@click.pass_context
def cli(context: click.Context, config: Path | None) -> None:
    """Courtier: list rental and affiliate brokerage.

    Every command explains itself: courtier COMMAND --help.
    """
    context.obj = Invocation(config)


def main() -> None:
    """Run the command line; exits 0 done, 1 refused, 2 wrong usage, 70 a fault of ours, 130 interrupted."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run one command and return its exit status; refusals are printed on standard error."""
    try:
        result = cli.main(args=arguments, prog_name="courtier", standalone_mode=False)
    except click.exceptions.Exit as exit_:
        return exit_.exit_code
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        print("Interrupted.", file=sys.stderr)
        return 130
    except CourtierError as error:
        print(f"Error: {error.sentence} ({error.code})", file=sys.stderr)
        if "--json" in arguments:
            print(json.dumps({"error": {"code": error.code, "sentence": error.sentence, "field": error.field}}))
        return 1
    except BrokenPipeError:  # the reader of our output has gone: head, less
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:  # the last line: a sentence and a place, never a traceback
        print(f"Error: Something unforeseen went wrong. The details stand in {_write_fault(error)}.", file=sys.stderr)
        return 70
    return result if isinstance(result, int) else 0


def _write_fault(error: Exception) -> str:
    from broker.operate.faults import print_fault

    with tempfile.NamedTemporaryFile(
        "w", prefix="courtier-fault-", suffix=".log", delete=False, encoding="utf-8"
    ) as file:
        print_fault(error, file)
    if os.environ.get("COURTIER_DEBUG") == "1":
        print_fault(error, sys.stderr)
    return file.name
