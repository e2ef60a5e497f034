"""Layers: every source writes its specs under ids that begin with its layer; merging is choosing by layer.

Lowest to highest: default, cmdline, platform, operator, configuration. Merges must not depend on the order in which
resources are listed; ties within a layer are broken by id.
"""

from collections.abc import Iterable
from typing import Any, TypeVar

from controllers.resources.network import Layer
from controllers.runtime.resource import Resource, Spec

S = TypeVar("S", bound=Spec)


def layered_id(layer: Layer, id_: str) -> str:
    """Return the id of a source's spec in `network-config`."""
    return f"{layer.value}/{id_}"


def split_id(id_: str) -> tuple[Layer, str]:
    """Return layer and plain id. Raises `ValueError` for an id without a layer."""
    layer, _, rest = id_.partition("/")
    return Layer(layer), rest


def by_layer(resources: Iterable[Resource[S]]) -> list[tuple[Layer, str, S]]:
    """Return layer, plain id and spec of each, lowest layer first, then by id."""
    split = [(*split_id(resource.id), resource.spec) for resource in resources]
    return sorted(split, key=lambda entry: (entry[0].rank, entry[1]))


def highest_by_id(resources: Iterable[Resource[S]]) -> dict[str, S]:
    """Return, for each plain id, the spec of the highest layer."""
    return {id_: spec for _, id_, spec in by_layer(resources)}


def highest_list(resources: Iterable[Resource[Any]], field: str) -> tuple[str, ...]:
    """Return a list field of the highest layer that sets it; what several sources of one layer say is joined, each value
    once, in the order of their ids.
    """
    found: dict[Layer, list[str]] = {}
    for layer, _, spec in by_layer(resources):
        values = getattr(spec, field)
        if values:
            found.setdefault(layer, []).extend(values)
    if not found:
        return ()
    return tuple(dict.fromkeys(found[max(found, key=lambda layer: layer.rank)]))
