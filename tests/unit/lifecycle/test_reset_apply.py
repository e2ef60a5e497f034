"""A reset from request to PID 1: what is asked of whom, in which order, and what ends it before anything is destroyed."""

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from controllers.block.wipe_plan import parse_plan
from controllers.etcd.client import Member
from controllers.etcd.lock import AbsenceLock, Holder
from controllers.lifecycle import reset_run, reset_scene
from controllers.lifecycle.reset_apply import ResetController
from controllers.lifecycle.reset_record import parse_record
from controllers.ports import Paths, Ports
from controllers.resources.block import DiscoveredVolume, Disk
from controllers.resources.kubernetes import EtcdStatus, Nodename
from controllers.resources.pki import Certificate, CertificateRoot
from controllers.resources.reset import AfterReset, ResetMode, ResetPhase, ResetRequest, ResetStatus
from controllers.services.errors import ControlError, RequestError
from init.linux.meta import MAX_PAYLOAD
from tests.harness.clock import FakeClock, settle
from tests.harness.engine import World
from tests.harness.fake_etcd import Cluster
from tests.unit.machine.test_meta import FakeMeta, InlineMetaController

DISK = Disk(path="/dev/vda", size=50, system=True)
REQUEST = ResetRequest(request="one")
UUIDS = {label: f"00000000-0000-0000-0000-00000000000{at}" for at, label in enumerate(("STATE", "EPHEMERAL"))}


class Machine:
    """PID 1, etcd and Kubernetes; `log` is what was asked of them, in order."""

    def __init__(self) -> None:
        self.log: list[str] = []
        self.last: tuple[str, ...] = ()
        self.limit = 0.0
        self.others = 2
        self.pods: tuple[str, ...] = ()
        self.refuses: dict[str, Exception] = {}
        self.stops = False
        """Whether etcd does what it is asked though it does not say so."""
        self.cluster = Cluster.of(FakeClock(), "7", "b", "c")

    def client(self, root: Any, leaf: Any, timeout: float, /, *, url: str = "") -> Any:
        """Return this node's member, or another one."""
        return self.cluster.client(url) if url else self

    def _note(self, what: str) -> None:
        self.log.append(what)
        if what in self.refuses:
            raise self.refuses[what]

    async def power(self, action: str, last: Sequence[str] = (), limit: float = 0.0) -> None:
        self.last, self.limit = tuple(last), limit
        self._note(action)

    async def members(self) -> list[Member]:
        self._note("members")
        return self.cluster.members[: 1 + self.others]

    async def remove(self, id_: str) -> None:
        if self.stops:
            self.cluster.members = [one for one in self.cluster.members if one.id != id_]
        self._note(f"remove {id_}")

    async def drain(self, api: Any, node: str, limit: float, clock: Any, say: Any) -> tuple[str, ...]:
        say("waits for 1 pod", 0.5)
        self._note(f"drain {node}")
        return self.pods

    async def uncordon(self, api: Any, node: str) -> bool:
        self._note(f"uncordon {node}")
        return True


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    made = Machine()
    monkeypatch.setattr(reset_run, "drain", made.drain)
    monkeypatch.setattr(reset_run, "uncordon", made.uncordon)
    monkeypatch.setattr(reset_scene, "find_api", lambda view, name, patience: made)
    return made


def read(path: str) -> str:
    return Path(path).read_text()


async def reset(
    root: Path, machine: Machine, request: ResetRequest = REQUEST, *, etcd: bool = True, meta: FakeMeta | None = None
) -> ResetStatus:
    """Run a request on a node with the usual volumes, and return how it ended."""
    meta = meta or FakeMeta()
    (root / "run/ophite").mkdir(parents=True, exist_ok=True)
    ports = Ports(paths=Paths(root))
    controller = ResetController(ports, machine, machine.client)
    async with World(controller, InlineMetaController(ports, lambda: meta)) as world:
        controller._run.ports = controller._writer.ports = Ports(clock=world.clock, paths=Paths(root))
        await world.put("vda", DISK)
        for label in ("STATE", "EPHEMERAL"):
            path = f"/dev/{label.lower()}"
            volume = DiscoveredVolume(path=path, size=1, parent="vda", partition_label=label, partition_uuid=UUIDS[label])
            await world.put(label, volume)
        await world.put("nodename", Nodename(nodename="cp1"))
        if etcd:
            await world.put("etcd", EtcdStatus(healthy=True, member_id="7"))
            await world.put("etcd", CertificateRoot(certificate="", key=""))
            await world.put("etcd-client", Certificate(subject="", certificate="", key="", ca="etcd", not_after=0))
        await world.put("reset", request)
        await finish(world, machine)
        return (await world.get(ResetStatus, "reset")).spec


async def finish(world: World, machine: Machine) -> None:
    """Let the controller go on, whose threads write files, until its reset ends one way or the other."""
    for _ in range(1000):
        await settle()
        found = await world.store.find(ResetStatus, "reset")
        failed = found is not None and found.spec.step.startswith("failed")
        done = machine.log[-1:] in (["reboot"], ["poweroff"]) and machine.log[-1] not in machine.refuses
        if failed or done:
            return
        await asyncio.to_thread(lambda: None)
    raise AssertionError("the reset does not end")


async def test_pods_first_then_etcd_then_everything(tmp_path: Path, machine: Machine) -> None:
    status = await reset(tmp_path, machine)
    assert machine.log == ["drain cp1", "members", "remove 7", "reboot"]
    assert (status.phase, status.error, status.skipped) == (ResetPhase.STOPPING, "", ())
    assert "remove 2 partitions of /dev/vda" in status.steps
    assert status.steps[-1] == "note that the reset is over"
    assert status.steps[0] == "erase the beginning and the end of EPHEMERAL (/dev/ephemeral)"
    assert machine.last[-1] == str(tmp_path / "run/ophite/reset.json")
    assert os.stat(machine.last[-1]).st_mode & 0o777 == 0o600  # noqa: PTH116 - not in a coroutine
    plan = parse_plan(read(machine.last[-1]))
    assert tuple(step.describe() for step in plan.steps) == status.steps
    assert machine.limit == plan.limit + 30.0
    assert machine.last[1:3] == ("-I", "-S")
    assert "block/wipe_main.py" in machine.last[3]


@pytest.mark.parametrize(
    ("then", "action"),
    [(AfterReset.POWEROFF, "poweroff"), (AfterReset.REBOOT, "reboot"), (AfterReset.MAINTENANCE, "reboot")],
)
async def test_ends(tmp_path: Path, machine: Machine, then: AfterReset, action: str) -> None:
    await reset(tmp_path, machine, ResetRequest(request="one", graceful=False, then=then))
    assert machine.log == [action]


async def test_the_only_member_leaves_nobody(tmp_path: Path, machine: Machine) -> None:
    machine.others = 0
    await reset(tmp_path, machine)
    assert machine.log == ["drain cp1", "members", "reboot"]


async def test_a_member_that_left_gives_the_lock_back_by_way_of_another(tmp_path: Path, machine: Machine) -> None:
    await AbsenceLock(machine.cluster.client()).take(Holder(node="cp1", member="7", action="reset"))
    machine.cluster.down = {"https://b"}
    await reset(tmp_path, machine)
    assert machine.log[-1] == "reboot"
    assert machine.cluster.keys == {}


async def test_a_member_that_stops_before_it_has_answered_has_left(tmp_path: Path, machine: Machine) -> None:
    await AbsenceLock(machine.cluster.client()).take(Holder(node="cp1", member="7", action="reset"))
    machine.refuses["remove 7"] = RequestError("Remote end closed connection without response")
    machine.stops = True
    status = await reset(tmp_path, machine)
    assert (machine.log[-1], status.phase) == ("reboot", ResetPhase.STOPPING)
    assert machine.cluster.keys == {}


async def test_when_nobody_knows_whether_it_has_left_it_has_not(tmp_path: Path, machine: Machine) -> None:
    machine.refuses["remove 7"] = RequestError("Remote end closed connection without response")
    machine.stops, machine.cluster.down = True, {"https://b", "https://c"}
    status = await reset(tmp_path, machine)
    assert status.phase is ResetPhase.FAILED
    assert "Remote end closed" in status.error


async def test_others_that_do_not_answer_leave_it_to_its_lease(tmp_path: Path, machine: Machine) -> None:
    await AbsenceLock(machine.cluster.client()).take(Holder(node="cp1", member="7", action="reset"))
    machine.cluster.down = {"https://b", "https://c"}
    status = await reset(tmp_path, machine)
    assert (machine.log[-1], status.phase) == ("reboot", ResetPhase.STOPPING)
    assert len(machine.cluster.keys) == 1


async def test_a_member_that_may_not_leave_keeps_it(tmp_path: Path, machine: Machine) -> None:
    await AbsenceLock(machine.cluster.client()).take(Holder(node="cp1", member="7", action="reset"))
    machine.refuses["remove 7"] = RequestError("unhealthy cluster")
    await reset(tmp_path, machine)
    assert len(machine.cluster.keys) == 1, "lifecycle.AbsenceController sees to it"


async def test_a_member_whose_data_stays_does_not_leave(tmp_path: Path, machine: Machine) -> None:
    await reset(tmp_path, machine, ResetRequest(request="one", system_volumes=("STATE",)))
    assert machine.log == ["drain cp1", "reboot"]


async def test_a_node_without_etcd_leaves_nothing(tmp_path: Path, machine: Machine) -> None:
    await reset(tmp_path, machine, etcd=False)
    assert machine.log == ["drain cp1", "reboot"]


async def test_pods_that_stay_do_not_keep_it_from_ending(tmp_path: Path, machine: Machine) -> None:
    machine.pods = ("default/web: a disruption budget forbids it now",)
    status = await reset(tmp_path, machine)
    assert machine.log[-1] == "reboot"
    assert status.skipped == ("drain: 1 did not go: default/web: a disruption budget forbids it now",)


async def test_a_cluster_that_cannot_be_reached_does_not_either(tmp_path: Path, machine: Machine) -> None:
    machine.refuses["drain cp1"] = RequestError("no answer in time")
    status = await reset(tmp_path, machine)
    assert machine.log[-1] == "reboot"
    assert "no answer in time" in status.skipped[0]


async def test_etcd_that_refuses_ends_it_before_anything_is_destroyed(tmp_path: Path, machine: Machine) -> None:
    machine.refuses["remove 7"] = RequestError("unhealthy cluster")
    status = await reset(tmp_path, machine)
    assert machine.log == ["drain cp1", "members", "remove 7", "uncordon cp1"]
    assert status.phase is ResetPhase.FAILED
    assert "etcd does not let this member go: unhealthy cluster" in status.error
    assert "--no-graceful" in status.error
    assert not (tmp_path / "run/ophite/reset.json").exists()


async def test_pid_1_that_does_not_answer_is_said(tmp_path: Path, machine: Machine) -> None:
    machine.refuses["reboot"] = ControlError("no connection to PID 1")
    status = await reset(tmp_path, machine)
    assert (status.phase, status.error) == (ResetPhase.FAILED, "no connection to PID 1")
    assert machine.log[-1] == "uncordon cp1"


async def test_a_disk_that_went_away_is_said(tmp_path: Path, machine: Machine) -> None:
    status = await reset(tmp_path, machine, ResetRequest(request="one", mode=ResetMode.ALL, user_disks=("/dev/vdb",)))
    assert status.phase is ResetPhase.FAILED
    assert "there is no disk /dev/vdb" in status.error
    assert machine.log == ["uncordon cp1"]


async def test_meta_knows_what_is_wanted_before_pid_1_is_told(tmp_path: Path, machine: Machine) -> None:
    meta = FakeMeta()
    await reset(tmp_path, machine, ResetRequest(request="one", graceful=False, then=AfterReset.POWEROFF, limit=60.0), meta=meta)
    record = parse_record(meta.meta.values["reset"])
    assert record is not None
    assert (record.request, record.then, record.limit, record.tries) == ("one", AfterReset.POWEROFF, 60.0, 0)
    assert {one.label: one.uuid for one in record.targets} == UUIDS
    plan = parse_plan(read(machine.last[-1]))
    assert (plan.record, plan.strict) == (meta.place, True)


async def test_a_meta_that_does_not_outlive_a_reboot_is_said(tmp_path: Path, machine: Machine) -> None:
    meta = FakeMeta()
    meta.durable = False
    status = await reset(tmp_path, machine, meta=meta)
    assert machine.log[-1] == "reboot"
    assert "is not continued" in status.skipped[0]
    assert "reset" not in meta.meta.values
    plan = parse_plan(read(machine.last[-1]))
    assert (plan.record, plan.strict) == ("", False)


async def test_a_meta_without_room_is_said_and_nothing_waits_for_the_next_boot(tmp_path: Path, machine: Machine) -> None:
    meta = FakeMeta(**{"user.a": "x" * (MAX_PAYLOAD - 100)})
    status = await reset(tmp_path, machine, meta=meta)
    assert machine.log[-1] == "reboot"
    assert "META has no room" in status.skipped[0]
    assert not parse_plan(read(machine.last[-1])).strict


async def test_a_reset_that_pid_1_refuses_is_not_continued_by_the_next_boot(tmp_path: Path, machine: Machine) -> None:
    machine.refuses["reboot"] = ControlError("no connection to PID 1")
    meta = FakeMeta()
    status = await reset(tmp_path, machine, meta=meta)
    assert status.phase is ResetPhase.FAILED
    assert meta.meta.values == {}
    assert meta.writes == 3, "overwritten before it is deleted, or the other copy still has it"


async def test_what_was_unfinished_before_stays_so_when_another_one_fails(tmp_path: Path, machine: Machine) -> None:
    machine.refuses["reboot"] = ControlError("no connection to PID 1")
    meta = FakeMeta(reset="an older one")
    await reset(tmp_path, machine, meta=meta)
    assert meta.meta.values == {"reset": "an older one"}


async def test_an_unfinished_one_is_forgotten_by_its_own_program(tmp_path: Path, machine: Machine) -> None:
    meta = FakeMeta(reset="not even a record")
    status = await reset(tmp_path, machine, ResetRequest(request="one", forget=True), meta=meta)
    assert machine.log == ["reboot"]
    assert status.steps == ("note that the reset is over",)
    plan = parse_plan(read(machine.last[-1]))
    assert (plan.record, plan.strict) == (meta.place, False)


async def test_there_may_be_nothing_to_forget(tmp_path: Path, machine: Machine) -> None:
    status = await reset(tmp_path, machine, ResetRequest(request="one", forget=True))
    assert "no reset is unfinished" in status.error
