"""Waiting for a node: one loop for all, and what can be waited for.

A check returns nothing when the wait is over, else what is missing. While a node boots or its API is restarted a connection
that fails is just one more thing that is missing; errors that time does not heal end the wait.
"""

import json
from collections.abc import Callable
from typing import TYPE_CHECKING

from api.cli.progress import Clock, Say
from api.client.errors import ClientError, Refused, TimedOut, Unreachable

if TYPE_CHECKING:
    from api.client.node import Node

PERIOD = 1.0  # seconds between two looks, at least
SHARE = 10  # a node is left alone this many times as long as its answer took, so that looking does not slow it down
LONGEST = 10.0  # seconds between two looks, at most
HEALING = ("unavailable", "deadline_exceeded", "not_found", "aborted", "cancelled", "unknown")
"""Answers that may be others a moment later."""

Check = Callable[[], str]
"""Returns what is missing, or nothing."""


class NotReady(ClientError):
    """The time is over, and something is still missing."""


def wait_for(check: Check, timeout: float, clock: Clock, say: Say) -> None:
    """Look until nothing is missing. In: `timeout` in seconds; 0 looks once. Raises `NotReady`, or what the check raises."""
    end = clock.now() + timeout
    while True:
        began = clock.now()
        missing = look(check)
        pause = min(max(PERIOD, SHARE * (clock.now() - began)), LONGEST)
        if not missing:
            return
        say(missing)
        if clock.now() >= end:
            after = f" after {timeout:.0f} s" if timeout else ""
            raise NotReady(
                f"not ready{after}: {missing}", "ophite get machinestatus; ophite get controllerstatus; ophite services"
            )
        clock.sleep(min(pause, max(0.0, end - clock.now())))


def look(check: Check) -> str:
    """Return what a check misses; an error that time may heal is something missing. Raises other `ClientError`s."""
    try:
        return check()
    except (Unreachable, TimedOut) as error:
        return error.message
    except Refused as error:
        if error.code not in HEALING:
            raise
        return error.message


def check_api(node: "Node") -> Check:
    """Wait until the API answers."""

    def check() -> str:
        node.version()
        return ""

    return check


def check_etcd(node: "Node") -> Check:
    """Wait until this node's etcd member is healthy."""

    def check() -> str:
        found = find_spec(node, "EtcdStatus", "etcd")
        if found is None:
            return "etcd does not run yet"
        return "" if found.get("healthy") else f"etcd: {found.get('message') or 'not healthy'}"

    return check


def check_node(node: "Node") -> Check:
    """Wait until the machine is what its configuration asks for."""

    def check() -> str:
        found = find_spec(node, "MachineStatus", "machine")
        if found is None:
            return "the node is booting"
        return "" if found.get("ready") else describe_status(found)

    return check


CHECKS: "dict[str, Callable[[Node], Check]]" = {"api": check_api, "etcd": check_etcd, "node": check_node}


def describe_status(spec: dict[str, object]) -> str:
    """Return what a `MachineStatus` says is missing, on one line."""
    unmet = spec.get("unmet")
    listed = [f"{one['name']}: {one['reason']}" for one in unmet if isinstance(one, dict)] if isinstance(unmet, list) else []
    missing = "; ".join(listed) or str(spec.get("blocker") or "no reason given")
    return f"{spec.get('stage')}: {missing}"


def find_spec(node: "Node", type_: str, id_: str) -> dict[str, object] | None:
    """Return a resource's content, or None when it is not there."""
    try:
        spec: dict[str, object] = json.loads(node.get(type_, id_).spec)
    except Refused as error:
        if error.code == "not_found":
            return None
        raise
    return spec
