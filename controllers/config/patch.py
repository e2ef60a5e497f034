"""Changing a configuration by patches: strategic merge by kind and name, or JSON patch.

A strategic merge patch is a YAML stream of partial documents: fields are merged, lists and scalars replaced, `null`
removes a field, `$patch: delete` removes the document (or the field whose mapping it stands in). A JSON patch (RFC 6902)
is a list of operations; paths begin with `/KIND/` or, for kinds with names, `/KIND/NAME/`.
"""

from collections.abc import Iterable
from typing import Any

from controllers.config.decode import did_you_mean, plain_value
from controllers.config.document import API_VERSION
from controllers.config.documents import KINDS
from controllers.config.jsonpatch import JsonPatchError, apply_json_patch
from controllers.config.problem import ConfigError, Problem
from controllers.config.render import render_fields
from controllers.config.yamltree import TreeError, parse_stream

Tree = dict[str, Any]
"""Kind to document, or to a dict of documents by name."""


def apply_patches(text: str, patches: Iterable[str], file: str = "") -> str:
    """Return a configuration with patches applied in order, as YAML (comments are lost).

    Raises `ConfigError` when the text or a patch cannot be read; whether the result is valid is the loader's business.
    """
    tree = _to_tree(_read(text, file))
    for number, patch in enumerate(patches, start=1):
        name = f"patch {number}"
        values = _read(patch, name)
        if len(values) == 1 and isinstance(values[0], list):
            tree = _apply_json(tree, values[0], name)
            continue
        for value in values:
            _merge_document(tree, value, name)
    return "---\n".join(render_fields(fields) for fields in _to_documents(tree))


def _read(text: str, file: str) -> list[Any]:
    try:
        return [plain_value(root) for root in parse_stream(text)]
    except TreeError as error:
        raise _error(error.problem.message, error.problem.hint, file) from None


def _to_tree(documents: list[Any]) -> Tree:
    tree: Tree = {}
    for document in documents:
        _place(tree, document, "")
    return tree


def _place(tree: Tree, document: Any, file: str) -> None:
    kind, name = _identity(document, file)
    fields = {key: value for key, value in document.items() if key not in ("apiVersion", "kind")}
    if name is None:
        tree[kind] = fields
    else:
        tree.setdefault(kind, {})[name] = fields


def _identity(document: Any, file: str) -> tuple[str, str | None]:
    """Return kind and name (None for a kind that there is one of). Raises `ConfigError`."""
    if not isinstance(document, dict):
        raise _error("not a document", "write `kind:` and fields, or a list of JSON patch operations", file)
    kind = str(document.get("kind") or "")
    if kind not in KINDS:
        hint = did_you_mean(kind, KINDS) if kind else f"one of {', '.join(KINDS)}"
        raise _error(f"unknown kind {kind[:40]!r}" if kind else "`kind` is missing", hint, file)
    if not KINDS[kind].named:
        return kind, None
    name = document.get("name")
    if name is None or name == "":
        raise _error(f"{kind} without `name`", "say which one is meant", file)
    return kind, str(name)


def _merge_document(tree: Tree, patch: Any, file: str) -> None:
    kind, name = _identity(patch, file)
    if patch.get("$patch") == "delete":
        if name is None:
            tree.pop(kind, None)
        else:
            tree.get(kind, {}).pop(name, None)
        return
    fields = {key: value for key, value in patch.items() if key not in ("apiVersion", "kind")}
    home, key = (tree, kind) if name is None else (tree.setdefault(kind, {}), name)
    home[key] = _merge(home.get(key, {}), fields)


def _merge(old: Any, patch: Any) -> Any:
    """Return `patch` laid over `old`."""
    if not isinstance(patch, dict):
        return patch
    merged = dict(old) if isinstance(old, dict) else {}
    for key, value in patch.items():
        if value is None or (isinstance(value, dict) and value.get("$patch") == "delete"):
            merged.pop(key, None)
        else:
            merged[key] = _merge(merged.get(key), value)
    return merged


def _apply_json(tree: Tree, operations: list[Any], file: str) -> Tree:
    try:
        changed = apply_json_patch(tree, operations)
    except JsonPatchError as error:
        raise _error(str(error), "see RFC 6902; paths are `/KIND/field` or `/KIND/NAME/field`", file) from None
    if not isinstance(changed, dict):
        raise _error("the patch replaces the whole configuration", "patch single documents", file)
    return changed


def _to_documents(tree: Tree) -> list[dict[str, Any]]:
    """Return documents in the usual order of kinds."""
    documents = []
    for kind in sorted(tree, key=lambda name: list(KINDS).index(name) if name in KINDS else len(KINDS)):
        named = kind in KINDS and KINDS[kind].named
        for fields in tree[kind].values() if named else [tree[kind]]:
            documents.append({"apiVersion": API_VERSION, "kind": kind, **fields})
    return documents


def _error(message: str, hint: str, file: str) -> ConfigError:
    return ConfigError([Problem(file=file, message=message, hint=hint)])
