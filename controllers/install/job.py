"""One installation from the files to the last step: check the files, look at the disk, refuse or plan, carry out.

Nothing is written before the bundle's signature, sizes and hashes were right, and before what the disk holds was read from
the disk itself. A disk that is what it should be already is left alone; one that we were interrupted at is gone on with.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from functools import partial
from uuid import uuid4

from controllers.block import gpt
from controllers.block.kernel import partition_path
from controllers.block.luks_keys import LuksError, resolve_keys
from controllers.install import layout
from controllers.install.bootcode import BootCodeError
from controllers.install.contents import Contents, Verdict
from controllers.install.errors import InstallError, Refused
from controllers.install.order import CONFIG, Done, Order, Outcome
from controllers.install.plan import Goal, Lock, plan_end, plan_install
from controllers.install.ports import InstallPort, MediumPort, Source
from controllers.install.progress import Progress
from controllers.install.steps import Step, WriteRoot
from controllers.machine.programs import ProgramError

FAULTS = (OSError, gpt.GptError, BootCodeError, ProgramError, LuksError)
"""What a step may raise because of the machine; anything else is a bug."""


async def install(order: Order, port: InstallPort, medium: MediumPort, progress: Progress) -> Done:
    """Carry an order out. Raises `InstallError`, `LifecycleFault`."""
    progress.say("check the files of the system")
    try:
        return await _install(order, port, await medium.open(order.image, progress), progress)
    finally:
        await medium.release()


async def _install(order: Order, port: InstallPort, source: Source, progress: Progress) -> Done:
    progress.say(f"look at {order.disk}")
    steps = await _plan(order, port, source)
    if not steps:
        return Done(Outcome.ALREADY, source.version)
    try:
        await port.release(order.disk)
    except FAULTS as error:
        hint = "a node that works with this disk cannot be installed on it; start it afresh from the medium"
        raise InstallError(f"{order.disk} is in use: {_text(error)}", hint) from error
    progress.plan(steps, next((one for one in steps if isinstance(one, WriteRoot)), None))
    for step in steps:
        progress.begin(step)
        try:
            await port.execute(step, source, progress.advance)
        except FAULTS as error:
            hint = "look at the disk and its cables; then run `ophite install`"
            raise InstallError(f"{step.describe()}: {_text(error)}", hint) from error
    return Done(Outcome.INSTALLED, source.version)


async def _plan(order: Order, port: InstallPort, source: Source) -> tuple[Step, ...]:
    """Return the steps, none when there is nothing to do. Raises `Refused`."""
    goal = Goal(
        disk=order.disk,
        size=order.size,
        sector_size=order.sector_size,
        payload=replace(source.payload, state=order.state_size),
        words=order.words,
        bios=source.has_grub,
        state=order.state,
        lock=_find_lock(order),
    )
    try:
        contents = await asyncio.to_thread(port.read_contents, order.disk, order.sector_size, order.size)
        table = contents.table
        if table is not None and contents.verdict in (Verdict.OURS, Verdict.INTERRUPTED):
            if await _is_same(order, port, source, table):
                return () if contents.verdict is Verdict.OURS else plan_end(goal, table)
            contents = await asyncio.to_thread(_reconsider, contents, order, port, source)
        _check(order, contents)
        return plan_install(goal, contents.disk_uuid or uuid4())
    except layout.TooSmall as error:
        raise Refused(f"{order.disk}: {error}", "choose a bigger disk") from error
    except FAULTS as error:
        raise InstallError(
            f"{order.disk} cannot be used: {_text(error)}", "choose another disk, or correct the configuration"
        ) from error


async def _is_same(order: Order, port: InstallPort, source: Source, table: gpt.Table) -> bool:
    """Return whether a disk holds this version with this configuration, by content, and boots it."""
    device = {one.label: partition_path(order.disk, one.number) for one in table.partitions}
    root = table.find(layout.ROOT_A)
    if not layout.is_ours(table) or root is None or root.uuid != source.payload.root_id:
        return False
    await asyncio.to_thread(port.learn, order.disk, table)
    lock = _find_lock(order)
    keys = lock(str(layout.get_partition(table, layout.STATE).uuid)) if lock else ()
    kept = await port.read_state(device[layout.STATE], CONFIG, keys)
    if kept is None or kept != order.state.get(CONFIG):
        return False
    active = await asyncio.to_thread(_is_active, port, source, device[layout.ESP])
    return active and await asyncio.to_thread(source.is_root, device[layout.ROOT_A])


def _find_lock(order: Order) -> Lock | None:
    """Return how the keys of STATE are found, None when it is not encrypted."""
    return None if order.encryption is None else partial(resolve_keys, order.encryption, order.system)


def _is_active(port: InstallPort, source: Source, device: str) -> bool:
    try:
        with port.esp(device, read_only=True) as esp:
            return source.is_active(esp)
    except OSError:
        return False


def _reconsider(contents: Contents, order: Order, port: InstallPort, source: Source) -> Contents:
    """An installation that has its boot entry was interrupted after it was complete: it is somebody's system by now."""
    table = contents.table
    esp = table.find(layout.ESP) if table else None
    if contents.verdict is not Verdict.INTERRUPTED or table is None or esp is None:
        return contents
    port.learn(order.disk, table)
    if not _is_active(port, source, partition_path(order.disk, esp.number)):
        return contents
    return Contents(Verdict.OURS, ("an installation of another version or configuration",), table)


def _check(order: Order, contents: Contents) -> None:
    """Raise `Refused` when the disk holds what may not be lost."""
    if contents.verdict in (Verdict.EMPTY, Verdict.INTERRUPTED) or order.wipe:
        return
    what = "an installed Ophite with another version or configuration: " if contents.verdict is Verdict.OURS else ""
    hint = "set `wipe: true` in InstallConfig, or run `ophite install --wipe`, to lose all of it; or choose another disk"
    if order.spared:
        hint = "`wipe: true` of a configuration that was kept from an earlier boot does not count: run `ophite install --wipe`"
    raise Refused(f"{order.disk} is not empty and is left alone; it holds {what}{contents.describe()}", hint)


def _text(error: Exception) -> str:
    """Return an error as one line, with the file that it is about."""
    if not isinstance(error, OSError):
        return str(error)
    reason = error.strerror or str(error)
    return f"{reason}: {error.filename}" if error.filename else reason
