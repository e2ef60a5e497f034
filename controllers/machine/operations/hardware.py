"""`identify`: have the machine's LEDs blink, as a resource that the controller of the LEDs carries out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from controllers.machine.operations.table import Request, method
from controllers.resources.hardware import IdentifyRequest, LedStatus
from controllers.runtime.errors import OperationError
from controllers.runtime.resource import new, replace

if TYPE_CHECKING:
    from controllers.ports import Ports
    from controllers.runtime.store import Store
    from controllers.runtime.wire import Method

ID = "identify"
OWNER = "api"
LIMIT = 3600.0  # seconds
SHOWN = 8


class Identify(Request, frozen=True, kw_only=True):
    """`seconds`: for how long; 0 ends it."""

    seconds: float


def methods(store: Store, ports: Ports) -> list[Method]:
    """Return the lines of the table."""

    async def identify(request: Identify) -> dict[str, Any]:
        """Begin, go on or end; return the LEDs. Raises `OperationError` where there is none that could blink."""
        if not 0 <= request.seconds <= LIMIT:
            raise OperationError("invalid_argument", f"{request.seconds:g} s is too long", f"at most {LIMIT:g} s, 0 to end it")
        leds = await store.list(LedStatus)
        locating = [led.id for led in leds if led.spec.locates]
        if not locating:
            others = ", ".join(led.id for led in leds[:SHOWN]) or "none at all"
            hint = f"it has {others}; one is needed for locating (`*:locate`, `*:identify`, `*:uid`), or a Raspberry Pi's"
            raise OperationError("failed_precondition", "this machine has no LED that it could be found by", hint)
        wanted = IdentifyRequest(until=ports.clock.now() + request.seconds if request.seconds else 0.0)
        before = await store.find(IdentifyRequest, ID)
        if before is None:
            await store.create(new(ID, wanted, owner=OWNER))
        else:
            await store.update(replace(before, wanted), owner=OWNER)
        return {"leds": locating}

    return [method("identify", Identify, identify)]
