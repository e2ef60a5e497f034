"""YAML nodes to typed values: every mistake of a document is collected, none hides another.

msgspec's own conversion stops at the first error, so this walks type and node together down to the scalars and lets
msgspec check those. A number where a text belongs is taken as it is written (`"1"`, `00:11:22:33:44:55`).
"""

import difflib
from collections.abc import Iterable
from enum import Enum
from functools import cache
from types import UnionType
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

import msgspec
import yaml

from controllers.config.problem import Problem
from controllers.config.yamltree import is_null, pairs

P = TypeVar("P", bound=msgspec.Struct)
_TAG = "tag:yaml.org,2002:"
_PLAIN = frozenset(_TAG + kind for kind in ("str", "int", "float", "bool", "null", "timestamp", "value"))
_NAMES = {str: "a text", int: "a whole number", float: "a number", bool: "`true` or `false`"}


class Decoder:
    """Decodes one document; `problems` fills up while it does."""

    def __init__(self, document: str) -> None:
        self.document = document
        self.problems: list[Problem] = []

    def decode_struct(self, node: yaml.Node, type_: type[P], path: str = "", skip: Iterable[str] = ()) -> P | None:
        """Return a struct, or None when a problem in it was noted. `skip`: keys that are not its fields."""
        if not isinstance(node, yaml.MappingNode):
            self._note(path, f"expected fields, found {_kind(node)}", "write `field: value` lines")
            return None
        before = len(self.problems)
        fields = {field.encode_name: field for field in _fields(type_)}
        given = self._keys(node, path, fields, frozenset(skip))
        values = {}
        for name, field in fields.items():
            value = given.get(name)
            if value is None or is_null(value):
                if field.required:
                    self._note(_join(path, name), "missing", f"add `{name}:`")
                continue
            values[field.name] = self.decode(value, field.type, _join(path, name))
        return type_(**values) if len(self.problems) == before else None

    def decode(self, node: yaml.Node, type_: Any, path: str) -> Any:
        """Return the value of a node as a type says; None when a problem was noted."""
        plain = plain_type(type_)
        before = len(self.problems)
        if isinstance(plain, type) and issubclass(plain, msgspec.Struct):
            return self.decode_struct(node, plain, path)
        if get_origin(plain) is tuple:
            value: Any = self._sequence(node, get_args(plain)[0], path)
        elif get_origin(plain) is dict:
            value = self._mapping(node, get_args(plain)[1], path)
        else:
            value = self._scalar(node, plain, path)
        return self._checked(value, type_, path) if len(self.problems) == before else None

    def _keys(self, node: yaml.MappingNode, path: str, fields: dict[str, Any], skip: frozenset[str]) -> dict[str, yaml.Node]:
        """Return the known keys of a mapping; note unknown and repeated ones."""
        given: dict[str, yaml.Node] = {}
        seen: set[str] = set()
        for key, value in pairs(node):
            if key is None:
                self._note(path, "a key that is no text", "write a field's name")
            elif key in seen:
                self._note(_join(path, key), "there twice", "keep one")
            elif key in fields:
                given[key] = value
            elif key not in skip:
                self._note(_join(path, key[:64]), "unknown field", did_you_mean(key, fields))
            seen.add(key or "")
        return given

    def _sequence(self, node: yaml.Node, item: Any, path: str) -> Any:
        if not isinstance(node, yaml.SequenceNode):
            return self._note(path, f"expected a list, found {_kind(node)}", "write `- value` lines or `[value]`")
        return tuple(self.decode(part, item, f"{path}[{index}]") for index, part in enumerate(node.value))

    def _mapping(self, node: yaml.Node, item: Any, path: str) -> Any:
        if not isinstance(node, yaml.MappingNode):
            return self._note(path, f"expected keys and values, found {_kind(node)}", "write `key: value` lines")
        values: dict[str, Any] = {}
        for key, value in pairs(node):
            if key is None:
                self._note(path, "a key that is no text", "write a plain key")
            elif key in values:
                self._note(f"{path}[{key[:64]}]", "there twice", "keep one")
            else:
                values[key] = self.decode(value, item, f"{path}[{key[:64]}]")
        return values

    def _scalar(self, node: yaml.Node, plain: Any, path: str) -> Any:
        """Return the Python value of a scalar for a type that msgspec then checks."""
        if not isinstance(node, yaml.ScalarNode):
            return self._note(path, f"expected {_expected(plain)}, found {_kind(node)}", "")
        if node.tag not in _PLAIN:
            return self._note(path, f"the tag {node.tag[:40]!r} is not allowed", "write a plain value")
        kind = node.tag.removeprefix(_TAG)
        if _is_text(plain) and kind not in ("bool", "null"):
            return node.value
        if _is_text(plain):
            return self._note(path, f"expected {_expected(plain)}, found {_kind(node)}", f'write "{node.value[:40]}" in quotes')
        try:
            value = _construct(node)
        except (ValueError, OverflowError):
            value = node.value
        if plain is float and isinstance(value, int) and not isinstance(value, bool):
            return float(value)
        if type(value) is not plain:
            return self._note(path, f"expected {_expected(plain)}, found {_kind(node)}", "")
        return value

    def _checked(self, value: Any, type_: Any, path: str) -> Any:
        """Let msgspec check limits and choices."""
        try:
            return msgspec.convert(value, type_)
        except msgspec.ValidationError as error:
            return self._note(path, _message(error), _choices(type_))

    def _note(self, path: str, message: str, hint: str) -> None:
        self.problems.append(Problem(document=self.document, path=path, message=message, hint=hint))


def plain_type(type_: Any) -> Any:
    """Return a field's type without annotations, and of `T | None` only T: nothing given is nothing to decode."""
    if get_origin(type_) is Annotated:
        return plain_type(get_args(type_)[0])
    if get_origin(type_) in (Union, UnionType):
        (inner,) = (one for one in get_args(type_) if one is not type(None))
        return plain_type(inner)
    return type_


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return a hint for a word that is not known: the closest known ones, or all of them."""
    names = list(known)
    by_case = {name.lower(): name for name in names}
    close = difflib.get_close_matches(word[:64].lower(), by_case, n=1, cutoff=0.6)
    return f"did you mean `{by_case[close[0]]}`?" if close else f"known are {', '.join(names)}"


def plain_value(node: yaml.Node) -> Any:
    """Return a node as dicts, lists, texts and numbers, as YAML 1.1 reads it but for dates, which stay texts."""
    match node:
        case yaml.MappingNode():
            return {key.value: plain_value(value) for key, value in node.value}
        case yaml.SequenceNode():
            return [plain_value(part) for part in node.value]
        case _:
            return _construct(node)


@cache
def _fields(type_: type[msgspec.Struct]) -> tuple[msgspec.structs.FieldInfo, ...]:
    """Return a struct's fields; looked up once, since resolving annotations is slow."""
    return msgspec.structs.fields(type_)


def _construct(node: yaml.Node) -> Any:
    if node.tag.removeprefix(_TAG) not in ("int", "float", "bool", "null"):
        return node.value
    return yaml.constructor.SafeConstructor().construct_object(node)


def _is_text(plain: Any) -> bool:
    if get_origin(plain) is Literal:
        return True
    return isinstance(plain, type) and issubclass(plain, (str, Enum))


def _expected(plain: Any) -> str:
    return "a text" if _is_text(plain) else _NAMES.get(plain, getattr(plain, "__name__", "a value"))


def _kind(node: yaml.Node) -> str:
    match node:
        case yaml.MappingNode():
            return "fields"
        case yaml.SequenceNode():
            return "a list"
        case _:
            names = {"int": "a number", "float": "a number", "bool": "true or false", "null": "nothing"}
            return names.get(node.tag.removeprefix(_TAG), "a text")


def _message(error: msgspec.ValidationError) -> str:
    """Return msgspec's message in the tone of the others."""
    text = str(error).split(" - at ", maxsplit=1)[0]
    return text[:1].lower() + text[1:]


def _choices(type_: Any) -> str:
    """Return a hint with the allowed values of an enum or a literal."""
    plain = plain_type(type_)
    if get_origin(plain) is Literal:
        return f"one of {', '.join(map(str, get_args(plain)))}"
    if isinstance(plain, type) and issubclass(plain, Enum):
        return f"one of {', '.join(str(member.value) for member in plain)}"
    return ""


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
