"""What the slots hold, as resources."""

import pytest

from controllers.lifecycle.slot_status import SlotStatusController
from controllers.ports import Ports
from controllers.resources.lifecycle import UPGRADE, SlotStatus, UpgradePhase, UpgradeStatus
from controllers.runtime.errors import Waiting
from controllers.runtime.resource import new
from tests.harness.reconcile import run_reconcile_async
from tests.unit.lifecycle.machine import OLD, Disk, FakeSlots


async def test_both_slots_are_shown() -> None:
    wanted = await run_reconcile_async(SlotStatusController(Ports(), FakeSlots(Disk())))
    assert {one.id: one.spec for one in wanted} == {
        "a": SlotStatus(version="1", root_hash=OLD, running=True, next=True, entry=True),
        "b": SlotStatus(),
    }


async def test_while_a_slot_is_written_the_disk_is_left_alone() -> None:
    seen = new("a", SlotStatus(version="1", running=True), owner="lifecycle.SlotStatusController")
    writing = new(UPGRADE, UpgradeStatus(phase=UpgradePhase.WRITING))
    controller = SlotStatusController(Ports(), FakeSlots(Disk(fails={"look": "busy"})))
    wanted = await run_reconcile_async(controller, [writing], own=[seen])
    assert [(one.id, one.spec) for one in wanted] == [("a", seen.spec)]


async def test_a_disk_that_cannot_be_read_is_said() -> None:
    with pytest.raises(Waiting, match="the slots to be readable: I/O error"):
        await run_reconcile_async(SlotStatusController(Ports(), FakeSlots(Disk(fails={"look": "I/O error"}))))
