"""Redaction by type: what a field's type calls secret is never shown.

A field is secret when `msgspec.Meta(extra={"secret": True})` occurs anywhere in its type, inside optionals, tuples and
dicts too. Its whole value is then replaced. The look-up of a class is done once, when something of it is first shown.
"""

from collections.abc import Iterator
from functools import cache
from typing import Any, TypeVar, get_args, get_type_hints

import msgspec

REDACTED = "[redacted]"
T = TypeVar("T", bound=msgspec.Struct)


def redact(value: T) -> T:
    """Return a copy of a struct in which every secret text or bytes is replaced by `[redacted]`; empty ones stay
    empty.
    """
    secrets = secret_fields(type(value))
    changes = {}
    for name in value.__struct_fields__:
        before = getattr(value, name)
        after = _blot(before) if name in secrets else _walk(before)
        if after is not before and after != before:
            changes[name] = after
    return msgspec.structs.replace(value, **changes) if changes else value


@cache
def secret_fields(cls: type[msgspec.Struct]) -> frozenset[str]:
    """Return the names of a struct's fields whose type is secret."""
    hints = get_type_hints(cls, include_extras=True)
    return frozenset(name for name in cls.__struct_fields__ if any(_marks(hints[name])))


def safe_repr(value: msgspec.Struct) -> str:
    """Return what `repr` of a struct shows: its type and its fields, secrets redacted."""
    shown = redact(value)
    fields = ", ".join(f"{name}={getattr(shown, name)!r}" for name in shown.__struct_fields__)
    return f"{type(value).__name__}({fields})"


def _marks(hint: Any) -> Iterator[bool]:
    """Yield whether each part of a type is marked secret."""
    for meta in getattr(hint, "__metadata__", ()):
        yield isinstance(meta, msgspec.Meta) and bool((meta.extra or {}).get("secret"))
    for part in get_args(hint):
        yield from _marks(part)


def _blot(value: Any) -> Any:
    """Replace every text and bytes in a value of builtins and structs."""
    match value:
        case str():
            return REDACTED if value else value
        case bytes():
            return REDACTED.encode() if value else value
        case tuple() | list() | set() | frozenset():
            return type(value)(map(_blot, value))
        case dict():
            return {key: _blot(entry) for key, entry in value.items()}
        case msgspec.Struct():
            return msgspec.structs.replace(value, **{n: _blot(getattr(value, n)) for n in value.__struct_fields__})
        case _:
            return value


def _walk(value: Any) -> Any:
    """Redact the structs inside a value that is not secret itself; the same object when there is nothing to hide."""
    match value:
        case msgspec.Struct():
            return redact(value)
        case tuple() | list():
            after = [_walk(entry) for entry in value]
            return value if all(a is b for a, b in zip(after, value, strict=True)) else type(value)(after)
        case dict():
            walked = {key: _walk(entry) for key, entry in value.items()}
            return value if all(walked[key] is value[key] for key in value) else walked
        case _:
            return value
