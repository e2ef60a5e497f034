"""A reset that was cut off is finished: what META says of it and what is on the disks → another run of the last program.

Model: volumes are held (`reset_hold`), so nothing that is to be destroyed is in use, and nothing that needs it runs. Once every
disk had its time to appear, what is left goes the way of any reset: plan → PID 1 → last program. It is tried `TRIES` times, and
only while it can come further; then the node stays as it is and says why, until somebody resets it anew or forgets it.
Trap: the number of tries is written before each, or a node that always fails would reboot for ever.
"""

from __future__ import annotations

import msgspec

from controllers.lifecycle.reset_record import TRIES, RecordError, ResetRecord, parse_record, render_record
from controllers.lifecycle.reset_run import Run
from controllers.lifecycle.reset_scene import Scene
from controllers.resources.reset import ResetPhase, ResetStatus
from controllers.runtime.errors import RuntimeFault

MISSING_SECONDS = 30.0
"""How long a disk that is meant may take to appear, before patience."""
WAY_OUT = "`ophite reset` begins anew; `ophite reset --forget` ends it and takes the partitions as they are"


class Continuation:
    """What this boot does about a reset of an earlier one."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._over = ""

    async def look(self, scene: Scene) -> None:
        """Show what META says of an unfinished reset, and go on with it when that is possible."""
        if scene.record is None or self._over == "told":
            return
        try:
            record = parse_record(scene.record)
        except RecordError as error:
            text = f"META's record of a reset is refused: {error}; `ophite reset --forget` removes it"
            await self._show(ResetStatus(phase=ResetPhase.REFUSED, step="refused", error=text))
            return
        if record is None or not scene.held:
            return
        await self._judge(scene, record)

    async def _judge(self, scene: Scene, record: ResetRecord) -> None:
        from controllers.lifecycle.reset_rest import explain, find_rest, plan_rest  # here: hardly a boot ever needs it

        rest = find_rest(record, scene.disks, scene.volumes)
        waiting = scene.age < MISSING_SECONDS * self._run.ports.patience
        status = ResetStatus(phase=ResetPhase.CONTINUING, request=record.request, tries=record.tries, readable=rest.readable)
        if not scene.settled or (rest.held and waiting):
            text = f"an unfinished reset waits for the disks{': ' if rest.held else ''}{'; '.join(rest.held)}"
            await self._show(msgspec.structs.replace(status, step=text))
        elif self._over or record.tries >= TRIES or not rest.is_in_reach:
            why = self._over or explain(record, rest)
            step = f"the reset is NOT finished after {record.tries} more of {TRIES} tries"
            error = f"{why}; may still be readable: {', '.join(rest.readable) or 'nothing'}; {WAY_OUT}"
            await self._show(msgspec.structs.replace(status, phase=ResetPhase.INCOMPLETE, step=step, error=error))
        else:
            plan = plan_rest(record, rest, self._run.ports.patience, scene.meta)
            steps = tuple(step.describe() for step in plan.steps)
            step = f"an unfinished reset is continued, try {record.tries + 1} of {TRIES}"
            await self._show(msgspec.structs.replace(status, step=step, steps=steps, tries=record.tries + 1))
            try:
                tried = msgspec.structs.replace(record, tries=record.tries + 1, problems=())
                await self._run.writer.write(render_record(tried))
                await self._run.stop(plan, record.then)
                self._over = "told"
            except (RuntimeFault, OSError) as error:
                self._over = f"it cannot be continued in this boot: {error}"
                self._run.changed()

    async def _show(self, status: ResetStatus) -> None:
        """Show it, on the console too, when it is news."""
        before, self._run.status = self._run.status, status
        if before is None or (before.step, before.error) != (status.step, status.error):
            await self._run.say(status.step, status.error)
        elif before != status:
            self._run.changed()
