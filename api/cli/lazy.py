"""A group of commands that imports only the one that is called, and shows what went wrong as message and hint.

`ophite --help` takes the short help of each command from the table, so it imports none; a test holds the two equal.
"""

from collections.abc import Mapping
from importlib import import_module
from typing import Any

import click


class Failure(click.ClickException):
    """What a user sees of an error that was raised on purpose."""

    exit_code = 1

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint

    def show(self, file: Any = None) -> None:
        """Print message and hint to standard error."""
        click.secho(f"error: {self.message}", err=True, fg="red", bold=True)
        if self.hint:
            click.echo(f"hint: {self.hint}", err=True)


class LazyGroup(click.Group):
    """In: `verbs`, name to (module, short help); each module has a `command`."""

    verbs: Mapping[str, tuple[str, str]] = {}

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the table's order."""
        return list(self.verbs)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return one command."""
        if cmd_name not in self.verbs:
            return None
        command: click.Command = import_module(self.verbs[cmd_name][0]).command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, help_) for name, (_, help_) in self.verbs.items()])

    def resolve_command(self, ctx: click.Context, args: list[str]) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command of a line; a wrong name gets a suggestion."""
        from difflib import get_close_matches

        if args and args[0] not in self.verbs and not args[0].startswith("-"):
            close = get_close_matches(args[0], self.verbs, n=1)
            hint = f" Did you mean {close[0]!r}?" if close else ""
            raise click.UsageError(f"there is no command {args[0]!r}.{hint}", ctx)
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; errors raised on purpose become `Failure`, unless `--debug` wants the traceback."""
        from api.client.errors import ClientError
        from controllers.runtime.errors import RuntimeFault

        try:
            return super().invoke(ctx)
        except (ClientError, RuntimeFault) as error:
            if ctx.find_root().params.get("debug"):
                raise
            raise Failure(error.message, error.hint) from None
