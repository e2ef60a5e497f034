"""Empty a node of its pods before it reboots: cordon, then evict through the Kubernetes API, with a limit.

Evictions respect disruption budgets (Kubernetes API, "API-initiated Eviction"): the server answers 429 while one forbids it,
and the eviction is tried again. Left alone are pods that a drain cannot or need not move: those of daemon sets, mirrors of
static pods, and finished ones. What this node cordoned itself is annotated, so that only that is ever uncordoned.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from controllers.lifecycle.progress import Say
from controllers.runtime.clock import Clock
from controllers.services.errors import RequestError

CORDONED = "ophite.io/cordoned"
MIRROR = "kubernetes.io/config.mirror"
LIMIT = 300.0
"""Seconds for a drain, before patience."""

LOOK_INTERVAL = 2.0
"""Seconds between two rounds."""

BLOCKED = "a disruption budget forbids it now"


class DrainApi(Protocol):
    """What is needed of the Kubernetes API. Everything raises `RequestError`."""

    async def find_node(self, name: str) -> dict[str, Any] | None:
        """Return a Node."""
        ...

    async def patch_node(self, name: str, patch: dict[str, Any]) -> None:
        """Merge a patch into a Node."""
        ...

    async def list_pods(self, node: str) -> list[dict[str, Any]]:
        """Return the pods of a node."""
        ...

    async def evict(self, namespace: str, name: str) -> bool:
        """Ask a pod to leave; False while a disruption budget forbids it. A pod that is gone has left."""
        ...


async def drain(api: DrainApi, node: str, limit: float, clock: Clock, say: Say) -> tuple[str, ...]:
    """Cordon a node and evict its pods. In: `limit`, in seconds.

    Returns what would not go, `namespace/name: why`, empty when the node is drained. An API that does not answer is asked
    again until the limit, then named as the reason.
    """
    end = clock.now() + limit
    cordoned, first = False, 0
    left: tuple[str, ...]
    while True:
        try:
            cordoned = cordoned or await cordon(api, node)
            left = await evict_all(api, node)
        except RequestError as error:
            left = (error.message,)
        if not left:
            say("every pod has left", 1.0)
            return ()
        first = max(first, len(left))
        say(f"waits for {len(left)} pods: {left[0]}", 1.0 - len(left) / first)
        if clock.now() >= end:
            return left
        await clock.sleep(min(LOOK_INTERVAL, max(end - clock.now(), 0.1)))


async def cordon(api: DrainApi, node: str) -> bool:
    """Keep new pods away, and note that it was us; a node that somebody else cordoned stays theirs. Returns True."""
    found = await api.find_node(node)
    if found is None:
        raise RequestError(f"the cluster does not know the node {node}")
    if not (found.get("spec") or {}).get("unschedulable"):
        patch = {"metadata": {"annotations": {CORDONED: "true"}}, "spec": {"unschedulable": True}}
        await api.patch_node(node, patch)
    return True


async def uncordon(api: DrainApi, node: str) -> bool:
    """Take back what `cordon` did. Returns whether there was something to take back. Raises `RequestError`."""
    found = await api.find_node(node)
    if found is None or CORDONED not in ((found.get("metadata") or {}).get("annotations") or {}):
        return False
    patch = {"metadata": {"annotations": {CORDONED: None}}, "spec": {"unschedulable": None}}
    await api.patch_node(node, patch)
    return True


async def evict_all(api: DrainApi, node: str) -> tuple[str, ...]:
    """Ask every pod that a drain moves to leave. Returns those that are still there. Raises `RequestError`."""
    left = []
    for pod in await api.list_pods(node):
        if not is_movable(pod):
            continue
        metadata = pod["metadata"]
        name = f"{metadata.get('namespace', '')}/{metadata.get('name', '')}"
        if metadata.get("deletionTimestamp"):
            left.append(f"{name}: is ending")
        elif await api.evict(str(metadata.get("namespace", "")), str(metadata.get("name", ""))):
            left.append(f"{name}: was asked to leave")
        else:
            left.append(f"{name}: {BLOCKED}")
    return tuple(left)


_STAYS: tuple[Callable[[dict[str, Any], dict[str, Any]], bool], ...] = (
    lambda metadata, status: MIRROR in (metadata.get("annotations") or {}),
    lambda metadata, status: any(
        one.get("kind") == "DaemonSet" and one.get("controller") for one in metadata.get("ownerReferences") or ()
    ),
    lambda metadata, status: status.get("phase") in ("Succeeded", "Failed"),
)


def is_movable(pod: dict[str, Any]) -> bool:
    """Return whether a drain has to move a pod (Kubernetes API, core/v1 Pod)."""
    metadata, status = pod.get("metadata") or {}, pod.get("status") or {}
    return not any(stays(metadata, status) for stays in _STAYS)
