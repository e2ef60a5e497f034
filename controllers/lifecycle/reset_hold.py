"""META says whether a reset is not over → `ResetHold`, which every volume waits for before anything on a disk is touched.

Model: the first answer holds for the whole boot. What was held would not fit to the configuration that was found without it,
and a reset that is asked for in this boot has no need to hold what is in use.
Trap: a META that cannot be read must not keep a node from booting; after a while it goes on as without a record.
"""

from __future__ import annotations

from collections.abc import Iterable

from controllers.lifecycle.reset_record import KEY, RecordError, parse_record
from controllers.ports import Ports
from controllers.resources.meta import MetaStatus, MetaValue
from controllers.resources.reset import RESET, ResetHold
from controllers.runtime.controller import Controller, Input, Output, View, Wanted
from controllers.runtime.errors import Waiting

META_SECONDS = 20.0
"""How long META may take to be read, before patience; it lies on the disk that the root already runs from."""
REASON = "a reset is not over; see `ophite get resetstatus`"


class ResetHoldController(Controller):
    """`MetaStatus`, `MetaValue` reset → `ResetHold`."""

    name = "lifecycle.ResetHoldController"
    inputs = (Input(MetaStatus, id="meta"), Input(MetaValue, id=KEY))
    outputs = (Output(ResetHold),)

    def __init__(self, ports: Ports) -> None:
        self._limit = META_SECONDS * ports.patience
        self._since: float | None = None

    def reconcile(self, view: View) -> Iterable[Wanted]:
        """Say what META says. Raises `Waiting` until it was read."""
        decided = next((one.spec for one in view.own(ResetHold)), None)
        return [Wanted(RESET, decided or self._judge(view))]

    def _judge(self, view: View) -> ResetHold:
        self._since = view.now if self._since is None else self._since
        if view.find(MetaStatus, "meta") is None:
            left = self._since + self._limit - view.now
            if left > 0:
                view.wake_after(left)
                raise Waiting("META, which says whether a reset is not over")
            return ResetHold(reason="META cannot be read, so nobody knows whether a reset was cut off")
        value = view.find(MetaValue, KEY)
        try:
            record = parse_record(value.spec.value) if value else None
        except RecordError as error:
            return ResetHold(reason=f"META's record of a reset is refused: {error}")
        return ResetHold(held=True, state_stays=record.state_stays, reason=REASON) if record else ResetHold()
