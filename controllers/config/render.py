"""Documents to YAML text: header first, defaults left out, PEM as literal blocks, the same bytes every time."""

from collections.abc import Iterable
from typing import Any

import msgspec
import yaml

from controllers.config.document import API_VERSION, Document


class _Dumper(yaml.SafeDumper):
    """Block style, no aliases, lists indented below their key, texts of several lines as `|` blocks."""

    def ignore_aliases(self, data: Any) -> bool:
        return True

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)


def _represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.Node:
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _represent_text)


def document_fields(document: Document, *, defaults: bool = False) -> dict[str, Any]:
    """Return a document as plain values under its YAML names, header included; defaults left out unless asked for."""
    header = {"apiVersion": API_VERSION, "kind": type(document).__name__}
    return header | _fields(document, defaults)


def _fields(value: msgspec.Struct, defaults: bool) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for field in msgspec.structs.fields(value):
        content = getattr(value, field.name)
        default = field.default if field.default_factory is msgspec.NODEFAULT else field.default_factory()
        if defaults or field.required or content != default:
            fields[field.encode_name] = _plain(content, defaults)
    return fields


def _plain(content: Any, defaults: bool) -> Any:
    match content:
        case msgspec.Struct():
            return _fields(content, defaults)
        case tuple():
            return [_plain(part, defaults) for part in content]
        case _:
            return msgspec.to_builtins(content)


def render_fields(fields: Any) -> str:
    """Return plain values as YAML text."""
    return yaml.dump(fields, Dumper=_Dumper, sort_keys=False, width=100, allow_unicode=True)


def render_document(document: Document) -> str:
    """Return one document as YAML, without separator."""
    return render_fields(document_fields(document))


def render_documents(documents: Iterable[Document]) -> str:
    """Return a YAML stream that `loader.load` reads back into the same documents."""
    return "---\n".join(render_document(document) for document in documents)
