"""Which node a command is about, and who asks: options, environment and the ophiteconfig, in this order.

The options may stand before or after the verb. Trap: they are remembered in one object of the whole command line, so a
callback and not an argument carries them.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from api.client.address import Address
    from api.client.node import Node
    from api.client.tls import Identity
    from controllers.config.clientconfig import ClientConfig, Context

F = TypeVar("F", bound=Callable[..., Any])
ENVIRONMENT = "OPHITECONFIG"


@dataclass
class Settings:
    """What the options said; empty is "not given"."""

    ophiteconfig: str = ""
    context: str = ""
    node: str = ""
    endpoint: str = ""
    insecure: bool = False
    fingerprint: str = ""

    @property
    def path(self) -> Path:
        """The client's file: the option, else `OPHITECONFIG`, else `~/.ophite/config`."""
        given = self.ophiteconfig or os.environ.get(ENVIRONMENT, "")
        return Path(given).expanduser() if given else Path.home() / ".ophite" / "config"

    def load(self) -> "ClientConfig":
        """Return the client's file; an empty one when there is none. Raises `ConfigError`."""
        from controllers.config.clientconfig import ClientConfig, parse_client_config

        try:
            return parse_client_config(self.path.read_bytes(), str(self.path))
        except FileNotFoundError:
            return ClientConfig()

    def save(self, config: "ClientConfig") -> None:
        """Write the client's file, readable by its owner only."""
        from api.cli.files import write_private
        from controllers.config.clientconfig import render_client_config

        write_private(self.path, render_client_config(config))

    def current(self) -> "Context":
        """Return the context to use. Raises `NoContext`, `ConfigError`."""
        from api.client.errors import NoContext

        config = self.load()
        name = self.context or config.context
        if not name:
            hint = "`ophite gen config` makes one: use it with --ophiteconfig FILE or `config merge FILE`; or say -n NODE"
            raise NoContext(f"there is no context in {self.path}", hint)
        if name not in config.contexts:
            raise NoContext(f"{self.path} has no context {name!r}", f"there are: {', '.join(config.contexts) or 'none'}")
        return config.contexts[name]

    def address(self) -> "Address":
        """Return where the node is. Raises `BadAddress`, `NoContext`."""
        from api.client.address import parse_address
        from api.client.errors import NoContext

        given = self.endpoint or self.node
        if given:
            return parse_address(given)
        context = self.current()
        for candidate in (*context.nodes, *context.endpoints):
            return parse_address(candidate)
        raise NoContext("the context names no node", "say -n NODE, or once and for all: ophite config nodes NODE")

    def identity(self) -> "Identity":
        """Return who asks. Raises `NoContext`."""
        from api.client.tls import Identity

        context = self.current()
        return Identity(context.ca, context.crt, context.key)

    def connect(self) -> "Node":
        """Return the node. Raises `ClientError`."""
        from api.client.connect import connect, connect_insecure

        if not self.insecure:
            return connect(self.address(), self.identity())
        pinned = connect_insecure(self.address(), self.fingerprint)
        if not self.fingerprint:
            click.echo(f"node {pinned.node.address} shows the fingerprint {pinned.fingerprint}", err=True)
            click.echo("compare it with the node's console; --fingerprint makes sure", err=True)
        return pinned.node


pass_settings = click.make_pass_decorator(Settings, ensure=True)


def remember(ctx: click.Context, parameter: click.Parameter, value: Any) -> None:
    """Keep an option's value; one that was not given leaves alone what was."""
    if value:
        setattr(ctx.ensure_object(Settings), str(parameter.name), value)


def _option(*names: str, **attributes: Any) -> Callable[[F], F]:
    return click.option(*names, callback=remember, expose_value=False, **attributes)


def config_option(command: F) -> F:
    """Add `--ophiteconfig`."""
    return _option(
        "--ophiteconfig", metavar="FILE", help=f"Your ophiteconfig (default: ${ENVIRONMENT}, then ~/.ophite/config)."
    )(command)


def node_options(command: F) -> F:
    """Add the options that say which node, and who asks."""
    for option in (
        _option("-e", "--endpoint", "--endpoints", "endpoint", metavar="HOST[:PORT]", help="Where to connect, if not to NODE."),
        _option("-n", "--node", "--nodes", "node", metavar="NODE", help="The node, HOST[:PORT]."),
        _option("--context", metavar="NAME", help="A context of the ophiteconfig."),
        config_option,
    ):
        command = option(command)
    return command


def insecure_options(command: F) -> F:
    """Add the options for a node in maintenance mode."""
    for option in (
        _option("--fingerprint", metavar="SHA256", help="What the node's certificate must hash to (its console shows it)."),
        _option("-i", "--insecure", is_flag=True, help="Talk to a node in maintenance mode."),
    ):
        command = option(command)
    return command
