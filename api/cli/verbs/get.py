"""`ophite get`: any resource, by type and id."""

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from api.cli.output import output_option, render_data, render_table
from api.cli.settings import Settings, insecure_options, node_options, pass_settings

if TYPE_CHECKING:
    from api.client.node import Node
    from api.generated.state_pb2 import Definition, Resource

LABELS = "LABEL=VALUE"


@click.command()
@click.argument("type_", metavar="[TYPE]", default="")
@click.argument("id_", metavar="[ID]", default="")
@click.option("-N", "--namespace", default="", help="Namespace, if not the type's own.")
@click.option("-l", "--selector", "labels", metavar=LABELS, multiple=True, help="Only resources with this label.")
@click.option("-w", "--watch", is_flag=True, help="Go on with every change.")
@output_option
@insecure_options
@node_options
@pass_settings
def command(
    settings: Settings, type_: str, id_: str, namespace: str, labels: tuple[str, ...], watch: bool, output: str
) -> None:
    """Show resources of a node.

    TYPE may be an alias, singular or plural (`links`); without it the types are listed. ID may be a pattern (`eth*`).
    """
    with settings.connect() as node:
        if not type_:
            click.echo(list_types(node.definitions(), output))
            return
        definition = node.definitions(type_)[0]
        selected = {"type": definition.type, "id": id_, "namespace": namespace, "labels": parse_labels(labels)}
        if watch:
            for line in follow(node, definition, selected, output):
                click.echo(line)
        else:
            click.echo(show(node, definition, selected, output))


def parse_labels(texts: tuple[str, ...]) -> dict[str, str]:
    """Return `LABEL=VALUE` texts as a table."""
    labels = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not name or not equals:
            raise click.BadParameter(f"{text!r} is not {LABELS}", param_hint="--selector")
        labels[name] = value
    return labels


def show(node: "Node", definition: "Definition", selected: dict[str, Any], output: str) -> str:
    """Return the present contents. One named resource that is not there is an error, an empty list is not."""
    from api.generated.state_pb2 import ListRequest

    one = bool(selected["id"]) and not any(character in selected["id"] for character in "*?[")
    get, request = (selected["type"], selected["id"], selected["namespace"]), ListRequest(**selected)
    found = [node.get(*get)] if one else node.list(request)
    if output == "table":
        return render_table(titles_of(definition), [row_of(definition, resource) for resource in found])
    data = [to_data(resource) for resource in found]
    return render_data(data[0] if one else data, output)


def follow(node: "Node", definition: "Definition", selected: dict[str, Any], output: str) -> Iterator[str]:
    """Yield the present contents and then a line (or document) for every change."""
    from api.generated.state_pb2 import WatchRequest, WatchResponse

    names = {WatchResponse.CHANGE_CREATED: "+", WatchResponse.CHANGE_UPDATED: "~", WatchResponse.CHANGE_DESTROYED: "-"}
    held: list[list[str]] = []
    widths: list[int] = []
    for event in node.watch(WatchRequest(**selected)):
        if output != "table":
            if event.change in names:
                change = WatchResponse.Change.Name(event.change).removeprefix("CHANGE_").lower()
                yield render_data({"change": change, **to_data(event.resource)}, output)
            continue
        if event.change not in names:
            first = render_table(["", *titles_of(definition)], held)
            widths = column_widths(first.splitlines()[0], ["", *titles_of(definition)])
            yield first
            held = []
            continue
        row = [names[event.change], *row_of(definition, event.resource)]
        if widths:
            yield "".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        else:
            held.append(row)


def column_widths(head: str, titles: list[str]) -> list[int]:
    """Return how wide each column of a table is, from its head line."""
    starts, position = [], 0
    for title in titles:
        position = head.index(title, position)
        starts.append(position)
        position += len(title) or 1
    return [after - start for start, after in zip(starts, [*starts[1:], starts[-1] + 1], strict=True)]


def list_types(definitions: "list[Definition]", output: str) -> str:
    """Return the types that there are."""
    rows = [(one.type, one.namespace, list(one.aliases), "yes" if one.sensitive else "") for one in definitions]
    if output == "table":
        return render_table(("TYPE", "NAMESPACE", "ALIASES", "SENSITIVE"), rows)
    names = ("type", "namespace", "aliases", "sensitive")
    return render_data([dict(zip(names, (*row[:3], bool(row[3])), strict=True)) for row in rows], output)


def titles_of(definition: "Definition") -> list[str]:
    """Return the titles of a type's table."""
    return ["NAMESPACE", "TYPE", "ID", "VERSION", *(column.title for column in definition.columns)]


def row_of(definition: "Definition", resource: "Resource") -> list[str]:
    """Return a resource as a line of its type's table."""
    from api.cli.output import render_cell, render_size

    spec = json.loads(resource.spec)
    metadata = resource.metadata
    cells = [metadata.namespace, metadata.type, metadata.id, str(metadata.version)]
    for column in definition.columns:
        value = find_field(spec, column.path)
        is_bytes = column.title == "SIZE" and isinstance(value, int)
        cells.append(render_size(value) if is_bytes else render_cell(value))
    return cells


def find_field(spec: Any, path: str) -> Any:
    """Return the value at a dotted path of a spec, or None. Names may be snake_case where the spec is camelCase."""
    for name in path.split("."):
        if not isinstance(spec, dict):
            return None
        head, *rest = name.split("_")
        spec = spec.get(name, spec.get(head + "".join(map(str.capitalize, rest))))
    return spec


def to_data(resource: "Resource") -> dict[str, Any]:
    """Return a resource as plain values."""
    metadata = resource.metadata
    return {
        "metadata": {
            "namespace": metadata.namespace,
            "type": metadata.type,
            "id": metadata.id,
            "version": metadata.version,
            "owner": metadata.owner,
            "phase": metadata.phase,
            "finalizers": list(metadata.finalizers),
            "labels": dict(metadata.labels),
            "annotations": dict(metadata.annotations),
            "created": metadata.created,
            "updated": metadata.updated,
        },
        "spec": json.loads(resource.spec),
    }
