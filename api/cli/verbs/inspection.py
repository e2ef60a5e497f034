"""`ophite inspect`."""

from collections.abc import Callable

import click

from api.cli.output import message_to_dict, output_option, render_size, show_rows
from api.cli.settings import Settings, node_options, pass_settings
from api.generated import inspect_pb2 as pb


@click.group()
def command() -> None:
    """Look inside a node: controllers, processes, mounts, sockets, memory."""


@command.command()
@click.option(
    "-o", "--output", type=click.Choice(("edges", "dot", "mermaid")), default="edges", show_default=True, help="How to show it."
)
@node_options
@pass_settings
def controllers(settings: Settings, output: str) -> None:
    """Show the graph of controllers and resource types."""
    with settings.connect() as node:
        answer = node.call("InspectService.Controllers", pb.ControllersRequest(), pb.ControllersResponse)
    if output == "edges":
        rows = [(edge.controller, edge.kind, edge.resource) for edge in answer.edges]
        show_rows("table", ("CONTROLLER", "KIND", "RESOURCE"), rows, None)
    else:
        click.echo(answer.dot if output == "dot" else answer.mermaid, nl=False)


@command.command()
@output_option
@node_options
@pass_settings
def processes(settings: Settings, output: str) -> None:
    """List the processes of a node."""
    with settings.connect() as node:
        answer = node.call("InspectService.Processes", pb.ProcessesRequest(), pb.ProcessesResponse)
    rows = [
        (
            one.pid,
            one.parent,
            one.uid,
            one.state,
            render_size(one.memory),
            f"{one.cpu:.1f}",
            one.threads,
            one.command or one.name,
        )
        for one in answer.processes
        if not one.kernel_thread
    ]
    titles = ("PID", "PARENT", "UID", "STATE", "MEMORY", "CPU S", "THREADS", "COMMAND")
    show_rows(output, titles, rows, [message_to_dict(one) for one in answer.processes])
    if answer.truncated:
        click.echo("there are more processes than one answer holds", err=True)


@command.command()
@output_option
@node_options
@pass_settings
def mounts(settings: Settings, output: str) -> None:
    """List the mounted file systems of a node."""
    with settings.connect() as node:
        found = node.call("InspectService.Mounts", pb.MountsRequest(), pb.MountsResponse).mounts
    size: Callable[[int], str] = lambda value: render_size(value) if value else ""  # noqa: E731 - one short word for two columns
    rows = [(one.target, one.source, one.filesystem, size(one.size), size(one.available), one.options) for one in found]
    titles = ("TARGET", "SOURCE", "TYPE", "SIZE", "AVAILABLE", "OPTIONS")
    show_rows(output, titles, rows, [message_to_dict(one) for one in found])


@command.command()
@output_option
@node_options
@pass_settings
def sockets(settings: Settings, output: str) -> None:
    """List the listening sockets of a node and who owns them."""
    with settings.connect() as node:
        found = node.call("InspectService.Sockets", pb.SocketsRequest(), pb.SocketsResponse).sockets
    rows = [(one.protocol, one.address, one.port, one.pid or "", one.process) for one in found]
    show_rows(output, ("PROTOCOL", "ADDRESS", "PORT", "PID", "PROCESS"), rows, [message_to_dict(one) for one in found])


@command.command()
@output_option
@node_options
@pass_settings
def memory(settings: Settings, output: str) -> None:
    """Show what init, controllers and api hold in memory, and what the control groups do."""
    with settings.connect() as node:
        answer = node.call("InspectService.Memory", pb.MemoryRequest(), pb.MemoryResponse)
    rows = [
        (one.name, one.pid, render_size(one.resident), render_size(one.proportional), render_size(one.private))
        for one in answer.processes
    ]
    show_rows(output, ("PROCESS", "PID", "RESIDENT", "PROPORTIONAL", "PRIVATE"), rows, message_to_dict(answer))
    if output != "table":
        return
    click.echo()
    groups = [
        (one.name, *(render_size(size) for size in (one.current, one.peak, one.anonymous, one.file, one.kernel)))
        for one in answer.groups
    ]
    show_rows(output, ("GROUP", "NOW", "PEAK", "ANONYMOUS", "FILES", "KERNEL"), groups, None)
    click.echo()
    machine = {"Total": answer.total, "Available": answer.available, **dict(sorted(answer.kernel.items()))}
    show_rows(output, ("MACHINE", "SIZE"), [(name, render_size(size)) for name, size in machine.items()], None)


command.add_command(sockets, "ports")
