"""A reset is cut off at every single write, twice over; whatever boots after that goes on, and at the end nothing is readable.

Disks are files: a partition table, and beside it a file for each partition. A cut tears the write that it hits in the middle.
"""

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from uuid import UUID

import pytest

from controllers.block import gpt, wipe
from controllers.block.discovery import device_reader
from controllers.block.wipe import carry_out
from controllers.block.wipe_plan import WipePlan
from controllers.block.wipe_record import KEY, RecordKeeper
from controllers.lifecycle.reset_plan import choose, plan_reset
from controllers.lifecycle.reset_record import FORMAT, TRIES, ResetRecord, parse_record, render_record
from controllers.lifecycle.reset_rest import find_rest, plan_forget, plan_rest
from controllers.resources.block import DiscoveredVolume, Disk
from controllers.resources.reset import ResetMode, ResetRequest
from init.linux.meta import read_meta, write_meta

KIB = 1024
SECRET = b"what nobody may read"
PARTITIONS = {
    "vda": {"ROOT-A": 16, "META": 1024, "STATE": 24, "EPHEMERAL": 160, "u-here": 24},
    "vdb": {"u-data": 48},
}
USER = {"user.rack": "seven"}
SYSTEM = ResetRequest(request="one")
ALL = ResetRequest(request="one", mode=ResetMode.ALL)
KEEPING = ResetRequest(request="one", mode=ResetMode.ALL, system_volumes=("STATE", "EPHEMERAL"))


class Cut(BaseException):
    """The power goes."""


class Machine:
    """Two disks in a directory, and power that may be cut at the write number `cut`."""

    def __init__(self, root: Path) -> None:
        self.root, self.cut, self.writes = root, -1, 0
        for disk, parts in PARTITIONS.items():
            table = gpt.new_table(UUID(int=1), 512, 256)
            for number, (label, size) in enumerate(parts.items(), 1):
                guid = UUID(int=int(f"{ord(disk[-1])}{number}"))
                table = table.with_partition(
                    gpt.Partition(number, gpt.LINUX_FILESYSTEM, guid, 64 + number * 8, 71 + number * 8, label)
                )
                (root / f"{disk}{number}").write_bytes((SECRET * 60000)[: size * KIB])
            data = bytearray(256 * 512)
            for offset, piece in gpt.encode(table):
                data[offset : offset + len(piece)] = piece
            (root / disk).write_bytes(data)
        write_meta(self.meta, USER)

    @property
    def meta(self) -> str:
        return str(self.root / "vda2")

    def disks(self) -> dict[str, Disk]:
        return {
            name: Disk(path=str(self.root / name), size=256 * 512, system=name == "vda", serial=name)
            for name in PARTITIONS
            if (self.root / name).exists()
        }

    def volumes(self) -> dict[str, DiscoveredVolume]:
        """What the brain discovers."""
        found = {}
        for name in self.disks():
            data = (self.root / name).read_bytes()
            table = gpt.parse(device_reader(self.root / name), 512, len(data))
            found[name] = DiscoveredVolume(path=str(self.root / name), size=len(data), filesystem="gpt" if table else "")
            for one in table.partitions if table else ():
                path = self.root / f"{name}{one.number}"
                found[path.name] = DiscoveredVolume(
                    path=str(path),
                    size=path.stat().st_size,
                    parent=name,
                    partition_label=one.label,
                    partition_uuid=str(one.uuid),
                )
        return found

    def record(self) -> ResetRecord | None:
        text = read_meta(self.meta).values.get(KEY)
        return parse_record(text) if text else None

    def ask(self, request: ResetRequest) -> WipePlan:
        """What the brain does before it tells PID 1."""
        disks, volumes = self.disks(), list(self.volumes().values())
        targets = tuple(one.wanted for one in choose(request, disks, volumes))
        self._remember(ResetRecord(format=FORMAT, request="one", targets=targets))
        return plan_reset(request, disks, volumes, record=self.meta)

    def _remember(self, record: ResetRecord) -> None:
        write_meta(self.meta, {**read_meta(self.meta).values, KEY: render_record(record)})

    def run(self, plan: WipePlan, cut: int = -1) -> bool:
        """The last program; returns whether it came to its end before the power was cut."""
        self.cut, self.writes = cut, 0
        try:
            carry_out(plan, lambda: 0.0, lambda text: None, RecordKeeper(plan.record, lambda text: None))
        except Cut:
            return False
        finally:
            self.cut = -1
        return True

    def go_on(self, cut: int = -1) -> bool:
        """The next boot; returns whether there was anything to go on with."""
        record = self.record()
        if record is None:
            return False
        rest = find_rest(record, self.disks(), self.volumes())
        assert rest.is_in_reach, rest
        self.run(plan_rest(record, rest, 1.0, self.meta), cut)
        return True

    def readable(self) -> set[str]:
        """The names of the files with a secret in them."""
        return {path.name for path in self.root.iterdir() if SECRET in path.read_bytes()}


Make = Callable[[], Machine]


@pytest.fixture
def make(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Make:
    """Make machines whose power is cut in the middle of a write; pieces are small, so that there are many."""
    machines: list[Machine] = []
    pwrite = os.pwrite

    def write(fd: int, data: bytes, offset: int) -> int:
        if machines:
            machine = machines[-1]
            machine.writes += 1
            if machine.writes - 1 == machine.cut:
                pwrite(fd, bytes(data)[: len(data) // 2], offset)
                raise Cut
        return pwrite(fd, data, offset)

    def begin() -> Machine:
        root = tmp_path / str(len(machines))
        root.mkdir()
        if len(machines) > 1:
            shutil.rmtree(tmp_path / str(len(machines) - 2), ignore_errors=True)
        machines.append(Machine(root))
        return machines[-1]

    monkeypatch.setattr(wipe, "END", 8 * KIB)
    monkeypatch.setattr(wipe, "PIECE", 64 * KIB)
    monkeypatch.setattr(os, "fsync", lambda fd: None)
    monkeypatch.setattr(os, "pwrite", write)
    return begin


def labels(machine: Machine) -> set[str]:
    return {one.partition_label for one in machine.volumes().values() if one.partition_label}


CASES = [
    pytest.param(SYSTEM, {"vda1", "vda5", "vdb1"}, {"ROOT-A", "META", "u-here", "u-data"}, 0, id="system"),
    pytest.param(ALL, {"vda1"}, {"ROOT-A", "META"}, 0, id="all, even"),
    pytest.param(ALL, {"vda1"}, {"ROOT-A", "META"}, 1, id="all, odd"),
    pytest.param(KEEPING, {"vda1"}, {"ROOT-A", "META"}, 0, id="meta stays"),
]


@pytest.mark.parametrize(("request_", "kept", "left", "first"), CASES)
@pytest.mark.timeout(300)
def test_wherever_it_is_cut_off_the_next_boots_finish_it(
    make: Make, request_: ResetRequest, kept: set[str], left: set[str], first: int
) -> None:
    whole = make()
    assert whole.run(whole.ask(request_))
    meta = {"vda2"} if request_ is KEEPING else set()  # its free room has the pattern, too
    assert (whole.readable(), labels(whole)) == (kept | meta, left)
    step = 2 if request_ is ALL else 9  # the others differ from it in little
    for cut in range(first, whole.writes, step):
        machine = make()
        assert not machine.run(machine.ask(request_), cut)
        machine.go_on(cut // 2)  # and once more, somewhere else
        boots = 0
        while machine.go_on():
            boots += 1
            assert boots <= TRIES
        assert machine.readable() == kept | meta, cut
        assert labels(machine) == left, cut
        assert read_meta(machine.meta).values == (USER if request_ is KEEPING else {}), cut


def test_as_long_as_anything_is_readable_meta_says_so(make: Make) -> None:
    whole = make()
    assert whole.run(whole.ask(SYSTEM))
    for cut in range(whole.writes):
        machine = make()
        assert not machine.run(machine.ask(SYSTEM), cut)
        if machine.readable() & {"vda3", "vda4"}:
            record = machine.record()
            assert record is not None, cut
            rest = find_rest(record, machine.disks(), machine.volumes())
            assert {one.rpartition(" on ")[0] for one in rest.readable} >= {"META"}, cut
            plan = plan_rest(record, rest, 1.0, machine.meta)
            assert not any(plan.ends_record(step) for step in plan.steps[:-1])


def test_a_disk_that_went_away_keeps_the_record_and_is_erased_when_it_is_back(make: Make) -> None:
    machine = make()
    machine.ask(ALL)
    (machine.root / "vdb").rename(machine.root / "away")
    record = machine.record()
    assert record is not None
    rest = find_rest(record, machine.disks(), machine.volumes())
    assert rest.is_in_reach
    assert [text for text in rest.held if "serial number vdb) is gone" in text] == list(rest.held)
    assert machine.run(plan_rest(record, rest, 1.0, machine.meta))
    assert machine.readable() == {"vda1", "vda2", "vdb1"}
    record = machine.record()
    assert record is not None, "it is not over"
    rest = find_rest(record, machine.disks(), machine.volumes())
    assert not rest.is_in_reach
    (machine.root / "away").rename(machine.root / "vdb")
    assert machine.go_on()
    assert machine.readable() == {"vda1"}
    assert machine.record() is None


def test_what_cannot_be_finished_is_forgotten_and_the_rest_goes(make: Make) -> None:
    machine = make()
    machine.ask(ALL)
    (machine.root / "vdb").rename(machine.root / "away")
    text = read_meta(machine.meta).values[KEY]
    assert machine.run(plan_forget(text, machine.disks(), machine.volumes(), 1.0, machine.meta))
    assert machine.record() is None
    assert labels(machine) == {"ROOT-A", "META"}
    assert read_meta(machine.meta).values == USER


def test_a_table_that_cannot_be_read_is_not_taken_for_one_without_the_partition(make: Make) -> None:
    machine = make()
    machine.ask(SYSTEM)
    (machine.root / "vda").write_bytes(bytes(256 * 512))
    record = machine.record()
    assert record is not None
    rest = find_rest(record, machine.disks(), machine.volumes())
    assert not rest.is_in_reach
    assert all("cannot be read" in text for text in rest.held)


@pytest.mark.parametrize("twin", [True, False])
def test_a_whole_disk_is_known_by_its_serial_number_and_by_nothing_less(make: Make, twin: bool) -> None:
    machine = make()
    path = str(machine.root / "vdb")
    machine.ask(ResetRequest(request="one", mode=ResetMode.USER_DISKS, user_disks=(path,)))
    record = machine.record()
    assert record is not None
    disks = machine.disks()
    other = Disk(path="/dev/other", size=disks["vdb"].size, serial="vdb" if twin else "other")
    rest = find_rest(record, disks | {"other": other} if twin else {"vdb": other}, machine.volumes())
    assert rest.targets == ()
    assert ("2 disks may be the one" if twin else "is gone") in rest.held[0]
