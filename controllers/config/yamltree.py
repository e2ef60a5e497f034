"""YAML text to a tree of nodes, with limits: whoever sends a configuration may be hostile or careless.

The stream is first read as events, which cost no recursion, and refused when it is too big, too deep or has too many
aliases; only then is it composed. Aliases are measured fully expanded (a "bomb" of nine lines means a billion values).
"""

from collections.abc import Iterator
from typing import Any

import yaml

from controllers.config.problem import Problem

MAX_BYTES = 1 << 20
MAX_DEPTH = 32
MAX_NODES = 50_000
MAX_ALIASES = 200

Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""libyaml's, where PyYAML was built with it."""


class TreeError(Exception):
    """The text cannot be used at all; `problem` says why."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.problem = Problem(message=message, hint=hint)


def parse_stream(text: str | bytes) -> list[yaml.Node]:
    """Return the root node of each document that is not empty. Raises `TreeError`."""
    decoded = _decode(text)
    try:
        _check_events(decoded)
        roots = [root for root in yaml.compose_all(decoded, Loader) if root is not None and not is_null(root)]
    except yaml.MarkedYAMLError as error:
        raise TreeError(_where(error), "check indentation, quotes and colons there") from None
    except yaml.YAMLError as error:
        raise TreeError(f"not YAML: {str(error).splitlines()[0][:120]}", "the file must be plain UTF-8 text") from None
    if sum(_size(root, {}, ()) for root in roots) > MAX_NODES:
        raise TreeError(f"more than {MAX_NODES} values once aliases are expanded", "write it without aliases")
    return roots


def is_null(node: yaml.Node) -> bool:
    """Return whether a node is `null`, `~` or nothing."""
    return isinstance(node, yaml.ScalarNode) and node.tag == "tag:yaml.org,2002:null"


def pairs(node: yaml.MappingNode) -> Iterator[tuple[str | None, yaml.Node]]:
    """Yield key and value; the key is None when it is no text."""
    for key, value in node.value:
        yield (key.value if isinstance(key, yaml.ScalarNode) else None), value


def _decode(text: str | bytes) -> str:
    size = len(text) if isinstance(text, bytes) else len(text.encode("utf-8", "surrogatepass"))
    if size > MAX_BYTES:
        raise TreeError(f"{size} bytes, the limit is {MAX_BYTES} (1 MiB)", "this is no machine configuration")
    try:
        return text.decode("utf-8-sig") if isinstance(text, bytes) else text
    except UnicodeDecodeError as error:
        raise TreeError(f"byte {error.start} is not UTF-8", "save the file as UTF-8") from None


def _check_events(text: str) -> None:
    """Walk the events and refuse what is too deep or has too many values or aliases."""
    depth = nodes = aliases = 0
    for event in yaml.parse(text, Loader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        nodes += isinstance(event, yaml.NodeEvent)
        aliases += isinstance(event, yaml.AliasEvent)
        if depth > MAX_DEPTH:
            raise TreeError(f"nested deeper than {MAX_DEPTH} levels", "no document needs that")
        if nodes > MAX_NODES:
            raise TreeError(f"more than {MAX_NODES} values", "no machine needs that")
        if aliases > MAX_ALIASES:
            raise TreeError(f"more than {MAX_ALIASES} aliases", "write it without aliases")


def _size(node: yaml.Node, known: dict[int, int], above: tuple[int, ...]) -> int:
    """Return the number of values below a node with aliases expanded. Raises `TreeError` for one inside itself."""
    if id(node) in above:
        raise TreeError("an alias inside the value that it stands for", "write it without aliases")
    if id(node) not in known:
        here = (*above, id(node))
        match node:
            case yaml.MappingNode():
                parts = [part for pair in node.value for part in pair]
            case yaml.SequenceNode():
                parts = node.value
            case _:
                parts = []
        known[id(node)] = 1 + sum(_size(part, known, here) for part in parts)
    return known[id(node)]


def _where(error: yaml.MarkedYAMLError) -> str:
    mark = error.problem_mark or error.context_mark
    place = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
    return f"{place}{(error.problem or error.context or 'not YAML')[:120]}"
