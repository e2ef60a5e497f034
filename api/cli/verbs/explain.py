"""`ophite explain`: configuration documents and resource types, from their classes; no node is asked."""

import inspect
import pkgutil
from importlib import import_module
from typing import Annotated, Any, get_args, get_origin, get_type_hints

import click
import msgspec

from api.cli.output import render_table
from api.client.errors import ClientError


class NothingToExplain(ClientError):
    """There is no such kind, type or field."""


@click.command()
@click.argument("name", metavar="[KIND[.FIELD]]", default="")
def command(name: str) -> None:
    """Describe a configuration document or a resource type.

    Without KIND all of them are listed.
    """
    click.echo(explain(*name.split(".")) if name else list_all())


def explain(kind: str, *path: str) -> str:
    """Return what a kind, or the field at a path in it, is. Raises `NothingToExplain`, `UnknownType`."""
    type_, text = find_class(kind), ""
    for name in path:
        if text:
            raise NothingToExplain(f"there are no fields in {text.splitlines()[0]}")
        field = find_field(type_, name)
        inside = find_struct(field.type)
        if inside is None:
            text = f"{name}: {render_type(field.type)}\n  {description_of(type_, field.name)}".rstrip()
        else:
            type_ = inside
    return text or describe(type_)


def list_all() -> str:
    """Return every document kind and resource type with the first line of what it is."""
    from controllers.config.documents import KINDS
    from controllers.runtime.registry import types

    load_types()
    rows = [(name, "document", summary(cls)) for name, cls in KINDS.items()]
    rows += [(cls.__name__, "resource", summary(cls)) for cls in types() if cls.__name__ not in KINDS]
    return render_table(("NAME", "WHAT", "DESCRIPTION"), rows)


def load_types() -> None:
    """Import every module of resource types, so that they are registered."""
    import controllers.resources
    import controllers.runtime.status

    for module in pkgutil.iter_modules(controllers.resources.__path__):
        import_module(f"controllers.resources.{module.name}")


def find_class(kind: str) -> type[msgspec.Struct]:
    """Return the class of a document kind or resource type, in any case. Raises `UnknownType`."""
    from controllers.config.documents import KINDS
    from controllers.runtime.registry import find_type

    load_types()
    by_name = {name.lower(): cls for name, cls in KINDS.items()}
    return by_name.get(kind.lower()) or find_type(kind)


def find_field(type_: type[msgspec.Struct], name: str) -> msgspec.structs.FieldInfo:
    """Return a field by the name that users write. Raises `NothingToExplain`."""
    fields = {field.encode_name: field for field in msgspec.structs.fields(type_)}
    if name not in fields:
        raise NothingToExplain(f"{type_.__name__} has no field {name!r}", f"it has: {', '.join(fields)}")
    return fields[name]


def describe(type_: type[msgspec.Struct]) -> str:
    """Return what a class is, its fields, and for a document an example."""
    from controllers.config.document import Document
    from controllers.config.render import render_document

    rows = []
    for field in msgspec.structs.fields(type_):
        default = "required" if field.required else render_default(field)
        rows.append((field.encode_name, render_type(field.type), default, description_of(type_, field.name)))
    parts = [f"{type_.__name__}: {inspect.cleandoc(type_.__doc__ or '')}", render_table(("FIELD", "TYPE", "DEFAULT", ""), rows)]
    if issubclass(type_, Document):
        parts.append(f"Example:\n{render_document(type_.example())}".rstrip())
    return "\n\n".join(parts)


def description_of(type_: type[msgspec.Struct], name: str) -> str:
    """Return the description in a field's annotation, if it has one."""
    hint = get_type_hints(type_, include_extras=True)[name]
    metas = [meta for meta in getattr(hint, "__metadata__", ()) if isinstance(meta, msgspec.Meta)]
    return next((meta.description for meta in metas if meta.description), "")


def find_struct(hint: Any) -> type[msgspec.Struct] | None:
    """Return the class of structured values inside a type, or None."""
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        return hint
    return next((found for part in get_args(hint) if (found := find_struct(part))), None)


NAMES: dict[Any, str] = {str: "text", int: "integer", float: "number", bool: "boolean", bytes: "bytes", type(None): "null"}


def render_type(hint: Any) -> str:
    """Return a type in words: `list of text`."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return render_type(arguments[0])
    if origin is tuple:
        return f"list of {render_type(arguments[0])}"
    if origin is dict:
        return f"table of {render_type(arguments[1])}"
    if origin is not None and arguments:
        return " or ".join(render_type(part) if not isinstance(part, str) else part for part in arguments)
    members = getattr(hint, "__members__", None)
    if members:
        return " or ".join(str(member.value) for member in members.values())
    return NAMES.get(hint) or str(getattr(hint, "__name__", hint))


def render_default(field: Any) -> str:
    """Return a default as it would be written."""
    value = field.default if field.default_factory is msgspec.NODEFAULT else field.default_factory()
    if isinstance(value, msgspec.Struct) or value in ("", (), {}, None):
        return ""
    return str(msgspec.json.encode(value).decode()).strip('"')


def summary(cls: type) -> str:
    """Return the first sentence of a class's description."""
    return inspect.cleandoc(cls.__doc__ or "").partition("\n")[0].split("; ")[0]
