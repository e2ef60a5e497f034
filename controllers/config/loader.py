"""YAML stream to documents: every problem at once, each with place and fix, and nothing half-applied.

`load` never raises for bad input; whoever wants an exception uses `check_config`. The model: text → nodes (`yamltree`,
limits) → typed documents (`decode`) → each document's own checks → one document of each kind and name.
"""

from typing import Any

import msgspec
import yaml

from controllers.config.decode import Decoder, did_you_mean
from controllers.config.document import API_VERSION, Document
from controllers.config.documents import KINDS
from controllers.config.problem import ConfigError, Problem
from controllers.config.yamltree import TreeError, pairs, parse_stream
from controllers.runtime.resource import Part

HEADER = ("apiVersion", "kind")


class Loaded(Part, frozen=True, kw_only=True):
    """What a text held. With `problems`, `documents` are those that are sound in themselves, for further checks only."""

    documents: tuple[Document, ...] = ()
    problems: tuple[Problem, ...] = ()


def load(text: str | bytes, file: str = "") -> Loaded:
    """Return documents and problems of a YAML stream; `file` is named in the problems."""
    documents: list[Document] = []
    problems: list[Problem] = []
    try:
        roots = parse_stream(text)
    except TreeError as error:
        roots, problems = [], [error.problem]
    titles: dict[str, int] = {}
    for index, root in enumerate(roots):
        document, title, found = _load_document(root, index)
        problems += found
        if title:
            titles[title] = titles.get(title, 0) + 1
        if document is not None:
            documents.append(document)
    problems += [_twice(title, count) for title, count in titles.items() if count > 1]
    named = tuple(msgspec.structs.replace(problem, file=file) for problem in problems)
    return Loaded(documents=tuple(documents), problems=named)


def check_config(text: str | bytes, file: str = "") -> tuple[Document, ...]:
    """Return the documents of a sound YAML stream. Raises `ConfigError` with every problem."""
    loaded = load(text, file)
    if loaded.problems:
        raise ConfigError(list(loaded.problems))
    return loaded.documents


def _load_document(root: yaml.Node, index: int) -> tuple[Document | None, str, list[Problem]]:
    """Return one document or None, its title, and its problems."""
    where = f"document {index + 1}"
    if not isinstance(root, yaml.MappingNode):
        return (
            None,
            "",
            [Problem(document=where, message="no fields", hint=f"begin with `apiVersion: {API_VERSION}` and `kind:`")],
        )
    header = {key: value.value for key, value in pairs(root) if isinstance(value, yaml.ScalarNode) and key}
    kind = header.get("kind", "")
    type_ = KINDS.get(kind)
    if type_ is None:
        return None, "", [*_check_version(header, where), _unknown_kind(kind, where)]
    title = f"{kind}[{str(header.get('name', '?'))[:64]}]" if type_.named else kind
    decoder = Decoder(title)
    document: Any = decoder.decode_struct(root, type_, skip=HEADER)
    problems = _check_version(header, title) + decoder.problems
    if document is None:
        return None, title, problems
    return document, title, problems + document.validate()


def _check_version(header: dict[str, Any], where: str) -> list[Problem]:
    version = header.get("apiVersion")
    if version == API_VERSION:
        return []
    message = "missing" if version is None else f"{str(version)[:40]!r} is not known"
    return [Problem(document=where, path="apiVersion", message=message, hint=f"write `apiVersion: {API_VERSION}`")]


def _unknown_kind(kind: str, where: str) -> Problem:
    if not kind:
        return Problem(document=where, path="kind", message="missing", hint=f"one of {', '.join(KINDS)}")
    return Problem(document=where, path="kind", message=f"unknown kind {kind[:64]!r}", hint=did_you_mean(kind, KINDS))


def _twice(title: str, count: int) -> Problem:
    named = title.endswith("]")
    hint = "give each its own name" if named else "there may be one document of this kind"
    return Problem(document=title, message=f"there {count} times", hint=f"{hint}; merge them")
