"""Decoding of requests; the rest of the control socket is tested with a real PID 1."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from init.control import OPS, _decode
from init.linux.power import PowerAction
from init.services import ControlError
from init.shutdown import Last


@pytest.mark.parametrize("op", sorted(op for op, (required, _) in OPS.items() if not required))
def test_known_ops_are_decoded(op: str) -> None:
    assert _decode(json.dumps({"op": op}).encode()) == {"op": op}


@pytest.mark.parametrize(
    ("request_", "text"),
    [
        ({"op": "boom"}, "no known op"),
        ([], "no known op"),
        ({"op": ["list"]}, "no known op"),
        ({"op": "logs", "id": 1}, "logs.id: not a name"),
        ({"op": "logs", "id": "etcd", "tail_bytes": True}, "logs.tail_bytes: not a number"),
        ({"op": "list", "x": 1}, "list.x: unknown field"),
        ({"op": "restart"}, "restart.id: missing"),
        ({"op": "apply", "services": {}}, "apply.services: not a list"),
    ],
)
def test_wrong_requests_are_refused_with_their_path(request_: Any, text: str) -> None:
    with pytest.raises(ControlError, match=text):
        _decode(json.dumps(request_).encode())


@given(st.binary(max_size=100))
def test_hostile_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(ControlError):
        _decode(data)


def test_deep_nesting_is_refused() -> None:
    with pytest.raises(ControlError):
        _decode(b"[" * 100000)


def test_power_takes_an_action_a_last_program_and_force() -> None:
    request = {"op": "power", "action": "reboot", "last": {"argv": ["/usr/bin/wipe", "vda"], "limit": 21600}, "force": True}
    last = Last(("/usr/bin/wipe", "vda"), 21600.0)
    assert _decode(json.dumps(request).encode()) == {"op": "power", "action": PowerAction.REBOOT, "last": last, "force": True}
    argument = {"op": "power", "action": PowerAction.REBOOT, "argument": "0 tryboot"}
    assert _decode(b'{"op": "power", "action": "reboot", "argument": "0 tryboot"}') == argument
    assert _decode(b'{"op": "power", "action": "poweroff", "last": null}') == {"op": "power", "action": PowerAction.POWEROFF}


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({}, "power.action: missing"),
        ({"action": "halt"}, "power.action: not one of reboot, poweroff"),
        ({"action": "reboot", "last": {"argv": ["wipe"], "limit": 1}}, "power.last: not an object"),
        ({"action": "reboot", "last": {"argv": ["/wipe"]}}, "power.last: not an object"),
        ({"action": "reboot", "last": {"argv": ["/wipe"], "limit": 100000}}, "power.last: not an object"),
        ({"action": "reboot", "last": {"argv": ["/wipe"], "limit": 1, "x": 1}}, "power.last: not an object"),
        ({"action": "reboot", "last": ["/wipe"]}, "power.last: not an object"),
        ({"action": "reboot", "force": 1}, "power.force: not true or false"),
        ({"action": "reboot", "argument": 1}, "power.argument: not up to 64 printable characters"),
        ({"action": "reboot", "argument": "x" * 65}, "power.argument: not up to 64 printable characters"),
        ({"action": "reboot", "argument": "0\ntryboot"}, "power.argument: not up to 64 printable characters"),
        ({"action": "reboot", "argument": "0 \u00fc"}, "power.argument: not up to 64 printable characters"),
    ],
)
def test_power_that_is_refused(fields: dict[str, Any], text: str) -> None:
    with pytest.raises(ControlError, match=text):
        _decode(json.dumps({"op": "power", **fields}).encode())
