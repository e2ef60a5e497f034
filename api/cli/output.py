"""How results look: tables without frames, which programs can cut, or YAML and JSON, which programs can read."""

import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])
GAP = "   "
_UNITS = ("B", "KiB", "MiB", "GiB", "TiB")


def output_option(command: F) -> F:
    """Add `-o table|yaml|json`."""
    choice = click.Choice(("table", "yaml", "json"))
    return click.option("-o", "--output", type=choice, default="table", show_default=True, help="How to show it.")(command)


def render_table(titles: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return lines whose columns begin below their titles."""
    lines = [list(titles), *([render_cell(cell) for cell in row] for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(titles))]
    padded = (GAP.join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in lines)
    return "\n".join(line.rstrip() for line in padded)


def render_cell(value: object) -> str:
    """Return a value as one line of text."""
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case list() | tuple():
            return ",".join(render_cell(part) for part in value)
        case dict():
            return ",".join(f"{key}={render_cell(part)}" for key, part in value.items())
        case _:
            return str(value).replace("\n", " ")


def render_size(size: int) -> str:
    """Return bytes for people: `3.5 GiB`."""
    value = float(size)
    for unit in _UNITS:
        if value < 1024 or unit == _UNITS[-1]:
            break
        value /= 1024
    return f"{value:.0f} {unit}" if unit == "B" or value >= 100 else f"{value:.1f} {unit}"


def render_data(data: object, output: str) -> str:
    """Return plain values as YAML or JSON."""
    if output == "json":
        return json.dumps(data, indent=2, ensure_ascii=False)
    from controllers.config.render import render_fields

    return render_fields(data).rstrip("\n")


def show_rows(output: str, titles: Sequence[str], rows: Sequence[Sequence[object]], data: object) -> None:
    """Print rows as a table, or the data behind them."""
    click.echo(render_table(titles, rows) if output == "table" else render_data(data, output))


def message_to_dict(message: Any) -> dict[str, Any]:
    """Return a message as plain values, numbers as numbers, all fields present."""
    return {field.name: _plain(getattr(message, field.name), field) for field in message.DESCRIPTOR.fields}


def _plain(value: Any, field: Any) -> Any:
    if field.message_type and field.message_type.GetOptions().map_entry:
        return dict(sorted(value.items()))
    if field.is_repeated:
        return [message_to_dict(part) if field.message_type else part for part in value]
    return message_to_dict(value) if field.message_type else value
