"""JSON patch (RFC 6902) with JSON pointers (RFC 6901) on plain dicts and lists; the input is never changed."""

import copy
from typing import Any


class JsonPatchError(ValueError):
    """An operation that cannot be done; the message names its number and path."""


def apply_json_patch(document: Any, operations: list[Any]) -> Any:
    """Return a copy of `document` with all operations applied in order. Raises `JsonPatchError`; then nothing is."""
    result = copy.deepcopy(document)
    for number, operation in enumerate(operations, start=1):
        try:
            result = _apply(result, operation)
        except (KeyError, IndexError, TypeError, ValueError) as error:
            path = str(operation.get("path", ""))[:80] if isinstance(operation, dict) else ""
            raise JsonPatchError(f"operation {number} ({path}): {str(error)[:80] or type(error).__name__}") from None
    return result


def _apply(document: Any, operation: dict[str, Any]) -> Any:
    path = _pointer(operation["path"])
    match operation["op"]:
        case "add":
            return _add(document, path, operation["value"])
        case "remove":
            return _remove(document, path)[0]
        case "replace":
            return _add(_remove(document, path)[0], path, operation["value"])
        case "move":
            changed, value = _remove(document, _pointer(operation["from"]))
            return _add(changed, path, value)
        case "copy":
            return _add(document, path, copy.deepcopy(_get(document, _pointer(operation["from"]))))
        case "test":
            if _get(document, path) != operation["value"]:
                raise ValueError("the test failed")
            return document
        case other:
            raise ValueError(f"unknown operation {str(other)[:20]!r}")


def _pointer(text: Any) -> list[str]:
    if text == "":
        return []
    if not isinstance(text, str) or not text.startswith("/"):
        raise ValueError("a path begins with `/`")
    return [part.replace("~1", "/").replace("~0", "~") for part in text[1:].split("/")]


def _get(document: Any, path: list[str]) -> Any:
    for part in path:
        document = document[_index(document, part)]
    return document


def _index(container: Any, part: str) -> Any:
    """Return what indexes a container: an integer for a list, the part itself for a dict."""
    if not isinstance(container, list):
        return part
    if not part.isdecimal() or (len(part) > 1 and part.startswith("0")):
        raise ValueError(f"{part[:20]!r} is no index of a list")
    return int(part)


def _add(document: Any, path: list[str], value: Any) -> Any:
    if not path:
        return value
    parent, last = _get(document, path[:-1]), path[-1]
    if isinstance(parent, list):
        place = len(parent) if last == "-" else _index(parent, last)
        if place > len(parent):
            raise IndexError("beyond the end of the list")
        parent.insert(place, value)
    elif isinstance(parent, dict):
        parent[last] = value
    else:
        raise TypeError("neither a list nor fields")
    return document


def _remove(document: Any, path: list[str]) -> tuple[Any, Any]:
    if not path:
        raise ValueError("the whole configuration cannot be removed")
    parent = _get(document, path[:-1])
    return document, parent.pop(_index(parent, path[-1]))
