"""META: requests → the partition → `MetaValue`. The one place in the brain that writes it.

Model: values are read, all requests are laid over them, and what differs is written in one go. A request that breaks a
rule is left out and named in `MetaStatus`; the others are carried out.
Trap: what PID 1 or the version before wrote must outlive this brain, so keys that nobody asks for stay as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from controllers.machine.meta_port import MetaPort, open_meta
from controllers.ports import Ports
from controllers.resources.meta import MetaRequest, MetaStatus, MetaUserRequest, MetaValue
from controllers.runtime.controller import Controller, Input, Output, View, Wanted
from init.linux.meta import MAX_PAYLOAD, is_key, render_payload

USER_PREFIX = "user."
USER_KEYS = 64
USER_VALUE = 4096  # bytes
SYSTEM_ROOM = 16 << 10  # bytes of META that users leave to the system
RETRY = 10.0  # seconds

Requests = Mapping[str, MetaRequest | MetaUserRequest]


class Plan(NamedTuple):
    """What META shall hold, and the requests that were left out, with the reason."""

    values: dict[str, str]
    refused: tuple[str, ...]


def find_user_problem(values: Mapping[str, str], key: str, value: str) -> str:
    """Return why a user may not set a key to this, given what META holds, or ""."""
    if not key.startswith(USER_PREFIX) or not is_key(key):
        return f"{key[:80]}: not a key of the form {USER_PREFIX}NAME with at most 63 of a-z 0-9 . - _"
    if len(value.encode("utf-8", "surrogatepass")) > USER_VALUE:
        return f"{key}: the value is longer than {USER_VALUE} bytes"
    users = {one: text for one, text in values.items() if one.startswith(USER_PREFIX)} | {key: value}
    if len(users) > USER_KEYS:
        return f"{key}: there are {USER_KEYS} keys of this kind already"
    if _size(users) > MAX_PAYLOAD - SYSTEM_ROOM:
        return f"{key}: all {USER_PREFIX}* keys together may take {MAX_PAYLOAD - SYSTEM_ROOM} bytes"
    return ""


def plan_values(values: Mapping[str, str], requests: Requests, user: Requests) -> Plan:
    """Return what META shall hold when `requests` of controllers and of the `user` are laid over `values`."""
    wanted, refused = dict(values), []
    for key, request in sorted([*requests.items(), *user.items()]):
        if request.delete:
            wanted.pop(key, None)
            continue
        problem = find_user_problem(wanted, key, request.value) if key in user else _find_problem(wanted, key, request.value)
        if problem:
            refused.append(problem)
        else:
            wanted[key] = request.value
    return Plan(wanted, tuple(refused))


class MetaController(Controller):
    """`MetaRequest`, `MetaUserRequest` → META → `MetaValue`, `MetaStatus`."""

    name = "machine.MetaController"
    inputs = (Input(MetaRequest), Input(MetaUserRequest))
    outputs = (Output(MetaValue), Output(MetaStatus))
    inline = False

    def __init__(self, ports: Ports, find_port: Callable[[], MetaPort] | None = None) -> None:
        self._find_port = find_port or (lambda: open_meta(ports))
        self._port: MetaPort | None = None

    def reconcile(self, view: View) -> Iterable[Wanted]:
        """Write what differs, then show what is there. Raises `OSError` while META cannot be read."""
        self._port = port = self._port or self._find_port()
        meta, error = port.read(), ""
        plan = plan_values(meta.values, _requests(view, MetaRequest), _requests(view, MetaUserRequest))
        if plan.values != meta.values:
            try:
                meta = port.write(plan.values)
            except (OSError, ValueError) as problem:
                error = f"{port.place} cannot be written: {problem}"
                view.wake_after(RETRY)
        for key, value in meta.values.items():
            yield Wanted(key, MetaValue(value=value.encode("utf-8", "replace").decode()))
        status = MetaStatus(
            place=port.place,
            durable=port.durable,
            generation=meta.generation,
            size=_size(meta.values),
            error=error,
            refused=plan.refused,
        )
        yield Wanted("meta", status)


def _requests(view: View, type_: type[MetaRequest] | type[MetaUserRequest]) -> dict[str, MetaRequest | MetaUserRequest]:
    return {found.id: found.spec for found in view.list(type_)}


def _find_problem(values: Mapping[str, str], key: str, value: str) -> str:
    try:
        render_payload({**values, key: value})
    except ValueError as error:
        return f"{key[:80]}: {error}"
    return ""


def _size(values: Mapping[str, str]) -> int:
    return len(render_payload(dict(values)))
