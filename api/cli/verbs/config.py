"""`ophite config`: the contexts of your ophiteconfig."""

import datetime
from typing import TYPE_CHECKING

import click
import msgspec

from api.cli.files import read_text
from api.cli.output import output_option, show_rows
from api.cli.settings import Settings, config_option, pass_settings
from api.client.address import parse_address
from api.client.errors import NoContext

if TYPE_CHECKING:
    from controllers.config.clientconfig import ClientConfig, Context

in_context = click.option("--context", "name", metavar="NAME", default="", help="The context, if not the current one.")


@click.group()
def command() -> None:
    """Manage the contexts of your ophiteconfig."""


@command.command()
@output_option
@config_option
@pass_settings
def contexts(settings: Settings, output: str) -> None:
    """List the contexts; `*` marks the current one."""
    config = settings.load()
    rows = [
        ("*" if name == config.context else "", name, list(one.endpoints), list(one.nodes))
        for name, one in config.contexts.items()
    ]
    names = ("current", "name", "endpoints", "nodes")
    data = [dict(zip(names, (bool(row[0]), *row[1:]), strict=True)) for row in rows]
    show_rows(output, ("", "NAME", "ENDPOINTS", "NODES"), rows, data)


@command.command()
@click.argument("name")
@config_option
@pass_settings
def context(settings: Settings, name: str) -> None:
    """Make a context the current one."""
    config = settings.load()
    find_context(config, name)
    settings.save(msgspec.structs.replace(config, context=name))


@command.command()
@click.argument("addresses", nargs=-1, required=True, metavar="HOST[:PORT]...")
@in_context
@config_option
@pass_settings
def endpoints(settings: Settings, addresses: tuple[str, ...], name: str) -> None:
    """Set where a context connects to."""
    change_context(settings, name, endpoints=check_addresses(addresses))


@command.command()
@click.argument("addresses", nargs=-1, metavar="[HOST[:PORT]...]")
@in_context
@config_option
@pass_settings
def nodes(settings: Settings, addresses: tuple[str, ...], name: str) -> None:
    """Set the nodes that commands are about by default."""
    change_context(settings, name, nodes=check_addresses(addresses))


@command.command()
@click.argument("file")
@config_option
@pass_settings
def merge(settings: Settings, file: str) -> None:
    """Add the contexts of another ophiteconfig; its current one becomes yours."""
    from controllers.config.clientconfig import merge_client_configs, parse_client_config

    merged = merge_client_configs(settings.load(), parse_client_config(read_text(file), file))
    settings.save(merged)
    click.echo(f"{settings.path}: the context is {merged.context}")


@command.command()
@click.argument("name")
@click.option("--ca", required=True, metavar="FILE", help="The OS authority's certificate, PEM.")
@click.option("--crt", required=True, metavar="FILE", help="Your certificate, PEM.")
@click.option("--key", required=True, metavar="FILE", help="Your key, PEM.")
@click.option("--endpoint", "addresses", multiple=True, metavar="HOST[:PORT]", help="Where to connect; may be repeated.")
@config_option
@pass_settings
def add(settings: Settings, name: str, ca: str, crt: str, key: str, addresses: tuple[str, ...]) -> None:
    """Add a context from files."""
    from controllers.config.clientconfig import Context

    config = settings.load()
    if name in config.contexts:
        raise NoContext(f"there is a context {name!r} already", "remove it first: ophite config remove")
    made = Context(endpoints=check_addresses(addresses), ca=read_text(ca), crt=read_text(crt), key=read_text(key))
    contexts = {**config.contexts, name: made}
    settings.save(msgspec.structs.replace(config, contexts=contexts, context=config.context or name))


@command.command()
@click.argument("name")
@config_option
@pass_settings
def remove(settings: Settings, name: str) -> None:
    """Remove a context."""
    config = settings.load()
    find_context(config, name)
    left = {other: one for other, one in config.contexts.items() if other != name}
    current = "" if config.context == name else config.context
    settings.save(msgspec.structs.replace(config, contexts=left, context=current))


@command.command()
@in_context
@config_option
@pass_settings
def info(settings: Settings, name: str) -> None:
    """Show a context, and how long its certificate is valid."""
    config = settings.load()
    name = name or config.context
    for title, value in describe_context(name, find_context(config, name)):
        click.echo(f"{title}: {value}")


def find_context(config: "ClientConfig", name: str) -> "Context":
    """Return a context. Raises `NoContext`."""
    if name not in config.contexts:
        known = ", ".join(config.contexts) or "none"
        raise NoContext(f"there is no context {name!r}" if name else "there is no current context", f"there are: {known}")
    return config.contexts[name]


def change_context(settings: Settings, name: str, **fields: tuple[str, ...]) -> None:
    """Change fields of one context and save."""
    config = settings.load()
    name = name or config.context
    changed = msgspec.structs.replace(find_context(config, name), **fields)
    settings.save(msgspec.structs.replace(config, contexts={**config.contexts, name: changed}))


def check_addresses(texts: tuple[str, ...]) -> tuple[str, ...]:
    """Return the addresses as they were written. Raises `BadAddress`."""
    for text in texts:
        parse_address(text)
    return texts


def describe_context(name: str, context: "Context") -> list[tuple[str, str]]:
    """Return what a person wants to know of a context."""
    from cryptography import x509

    shown = [("context", name), ("endpoints", ", ".join(context.endpoints)), ("nodes", ", ".join(context.nodes))]
    try:
        certificate = x509.load_pem_x509_certificate(context.crt.encode())
    except ValueError:
        return [*shown, ("certificate", "not readable")]
    roles = certificate.subject.get_attributes_for_oid(x509.NameOID.ORGANIZATION_NAME)
    left = certificate.not_valid_after_utc - datetime.datetime.now(datetime.UTC)
    until = f"{certificate.not_valid_after_utc:%Y-%m-%d} ({left.days} days)"
    return [*shown, ("roles", ", ".join(str(role.value) for role in roles)), ("valid until", until)]
