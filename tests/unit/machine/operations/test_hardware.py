"""`identify`: only where an LED can blink, and not for ever."""

from typing import Any

import pytest

from controllers.resources.hardware import IdentifyRequest, LedStatus
from controllers.runtime.errors import OperationError
from controllers.runtime.resource import new


async def test_the_leds_are_told_for_how_long(table: Any) -> None:
    await table.store.create(new("ACT", LedStatus(locates=True)))
    await table.store.create(new("mmc0::", LedStatus()))
    assert await table.call("identify", seconds=60) == {"leds": ["ACT"]}
    first = (await table.store.get(IdentifyRequest, "identify")).spec.until
    await table.call("identify", seconds=120)
    assert (await table.store.get(IdentifyRequest, "identify")).spec.until > first
    await table.call("identify", seconds=0)
    assert (await table.store.get(IdentifyRequest, "identify")).spec.until == 0.0


async def test_a_machine_without_such_an_led_says_what_it_has(table: Any) -> None:
    with pytest.raises(OperationError, match="no LED that it could be found by") as caught:
        await table.call("identify", seconds=60)
    assert "none at all" in (caught.value.hint or "")
    await table.store.create(new("eno1:green:lan", LedStatus()))
    with pytest.raises(OperationError) as caught:
        await table.call("identify", seconds=60)
    assert "eno1:green:lan" in (caught.value.hint or "")
    assert await table.store.find(IdentifyRequest, "identify") is None


@pytest.mark.parametrize("seconds", [-1, 3601, float("inf"), float("nan")])
async def test_neither_for_ever_nor_backwards(table: Any, seconds: float) -> None:
    await table.store.create(new("ACT", LedStatus(locates=True)))
    with pytest.raises(OperationError, match="too long"):
        await table.call("identify", seconds=seconds)
