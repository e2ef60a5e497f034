"""From what a controller wants and what it owns to the steps in between: pure, so that it can be read and tested.

What is tearing down and still held cannot be made again yet: it is left alone, and its disappearance wakes the
controller.
"""

from collections.abc import Iterable
from enum import StrEnum
from typing import Any

import msgspec

from controllers.runtime.controller import Controller, Wanted, get_output
from controllers.runtime.errors import RuntimeFault
from controllers.runtime.resource import Metadata, Resource, Spec

Address = tuple[str, type[Spec], str]


class Action(StrEnum):
    """What to do with a resource. `RECREATE` destroys what is torn down and creates it anew."""

    CREATE = "create"
    UPDATE = "update"
    RECREATE = "recreate"
    TEARDOWN = "teardown"
    DESTROY = "destroy"


class Step(msgspec.Struct, frozen=True):
    """One step: an action on a resource, given as it is to become (or as it is, when it goes)."""

    action: Action
    resource: Resource[Any]


def plan(controller: Controller, wanted: Iterable[Wanted], own: Iterable[Resource[Any]]) -> list[Step]:
    """Return the steps from `own` to `wanted`: makes and changes in the order wanted, then what goes.

    Raises `UndeclaredAccess` for what is not an output, `RuntimeFault` for one resource wanted twice.
    """
    have = {_address(resource): resource for resource in own}
    targets = _targets(controller, wanted)
    steps = [step for address, target in targets.items() if (step := _reach(target, have.get(address)))]
    leave = (resource for address, resource in have.items() if address not in targets)
    return steps + [step for resource in leave if (step := _leave(resource))]


def _targets(controller: Controller, wanted: Iterable[Wanted]) -> dict[Address, Resource[Any]]:
    """Return what is wanted as resources by address."""
    targets: dict[Address, Resource[Any]] = {}
    for one in wanted:
        output = get_output(controller, one)
        metadata = Metadata(
            namespace=output.namespace,
            type=output.type.__name__,
            id=one.id,
            owner=controller.name,
            labels=one.labels,
            annotations=one.annotations,
        )
        address = (output.namespace, output.type, one.id)
        if address in targets:
            raise RuntimeFault(f"{controller.name} wants {metadata} twice", "yield every resource once")
        targets[address] = Resource(metadata, one.spec)
    return targets


def _reach(target: Resource[Any], there: Resource[Any] | None) -> Step | None:
    """Return the step that makes or changes a resource, if one is needed and possible."""
    if there is None:
        return Step(Action.CREATE, target)
    if there.tearing_down:
        return None if there.metadata.finalizers else Step(Action.RECREATE, target)
    want, have = target.metadata, there.metadata
    if (target.spec, want.labels, want.annotations) == (there.spec, have.labels, have.annotations):
        return None
    metadata = msgspec.structs.replace(have, labels=want.labels, annotations=want.annotations)
    return Step(Action.UPDATE, Resource(metadata, target.spec))


def _leave(resource: Resource[Any]) -> Step | None:
    """Return the step that takes a resource nearer to its end, if there is one now."""
    if not resource.tearing_down:
        return Step(Action.TEARDOWN, resource)
    return None if resource.metadata.finalizers else Step(Action.DESTROY, resource)


def _address(resource: Resource[Any]) -> Address:
    return (resource.metadata.namespace, type(resource.spec), resource.id)
