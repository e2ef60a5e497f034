"""Decoding of requests; the rest of the control socket is tested with a real PID 1."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from init.control import FIELDS, _decode, _decode_action
from init.linux.power import PowerAction
from init.services import ControlError


@pytest.mark.parametrize("op", sorted(FIELDS))
def test_known_ops_are_decoded(op: str) -> None:
    assert _decode(json.dumps({"op": op}).encode()) == {"op": op}


@pytest.mark.parametrize(
    ("request_", "text"),
    [
        ({"op": "boom"}, "no known op"),
        ([], "no known op"),
        ({"op": ["list"]}, "no known op"),
        ({"op": "logs", "id": 1}, "logs.id: not of type str"),
        ({"op": "logs", "tail_bytes": True}, "logs.tail_bytes: not of type int"),
        ({"op": "list", "x": 1}, "list.x: unknown field"),
        ({"op": "apply", "services": {}}, "apply.services: not of type list"),
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


def test_power_actions() -> None:
    assert _decode_action("reboot") is PowerAction.REBOOT
    with pytest.raises(ControlError, match="halt") as caught:
        _decode_action("halt")
    assert "poweroff" in caught.value.hint
