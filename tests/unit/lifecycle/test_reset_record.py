"""The record of a reset comes back as it was; whatever else META may hold under its key is refused with a reason."""

import json
from typing import Any

import msgspec
import pytest

from controllers.lifecycle.reset_record import (
    CANCELLED,
    FORMAT,
    Place,
    RecordError,
    ResetRecord,
    Wanted,
    find_disks,
    parse_record,
    place_of,
    render_record,
)
from controllers.resources.block import Disk
from controllers.resources.reset import AfterReset
from init.linux.meta import MAX_PAYLOAD

SYSTEM = Place(path="/dev/vda", size=100, system=True)
UUID = "00000000-0000-0000-0000-000000000006"
STATE = Wanted(disk=SYSTEM, uuid=UUID, label="STATE", size=64)
DISK = Wanted(disk=Place(path="/dev/vdb", size=100, serial="b"), size=100)
RECORD = ResetRecord(format=FORMAT, request="one", targets=(STATE, DISK), then=AfterReset.POWEROFF, limit=60.0, done={UUID: 5})


def change(**fields: Any) -> str:
    return json.dumps({**json.loads(render_record(RECORD)), **fields})


def target(**fields: Any) -> str:
    return change(targets=[{**json.loads(msgspec.json.encode(STATE)), **fields}])


def test_it_comes_back_as_it_was() -> None:
    assert parse_record(render_record(RECORD)) == RECORD
    assert not RECORD.state_stays
    assert msgspec.structs.replace(RECORD, targets=(DISK,)).state_stays
    assert parse_record(change(unknown=1)) == RECORD


def test_the_largest_fits_into_meta() -> None:
    place = Place(path="/dev/" + "x" * 27, size=1 << 60, serial="s" * 20, wwn="w" * 34, bus_path="p" * 60)
    targets = tuple(
        Wanted(disk=place, uuid=f"{n:08}-0000-0000-0000-000000000000", label="u-" + "n" * 34, size=1 << 60) for n in range(64)
    )
    assert len(render_record(msgspec.structs.replace(RECORD, targets=targets))) < MAX_PAYLOAD // 2


def test_one_that_was_taken_back_is_none() -> None:
    assert parse_record(render_record(msgspec.structs.replace(RECORD, stage=CANCELLED))) is None


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "cannot be read"),
        ("[]", "cannot be read"),
        ("{", "cannot be read"),
        ("[" * 100_000, "cannot be read"),
        ("\x00\xff", "cannot be read"),
        (render_record(RECORD)[:-3], "cannot be read"),
        (change(format=2), "its format is 2, and this version knows 1"),
        (change(format="1"), "cannot be read"),
        (change(targets=[]), "names nothing"),
        (change(targets=[json.loads(msgspec.json.encode(STATE))] * 2), "twice"),
        (change(targets=[json.loads(msgspec.json.encode(STATE))] * 65), "cannot be read"),
        (change(then="explode"), "cannot be read"),
        (change(limit=-1), "cannot be read"),
        (change(limit=1e9), "cannot be read"),
        (change(tries=-1), "cannot be read"),
        (change(stage="soon"), "no such stage"),
        (change(done={UUID: -1}), "cannot be read"),
        (change(step="x" * 257), "cannot be read"),
        (target(size=1 << 64), "cannot be read"),
        (target(label="ROOT-A"), "'ROOT-A' is nothing that a reset destroys"),
        (target(label="ESP"), "nothing that a reset destroys"),
        (target(label=""), "nothing that a reset destroys"),
        (target(uuid="../../vda"), "is no id of a partition"),
        (target(uuid=""), "is the system disk"),
        (target(disk={"path": "/dev/vdb"}), "nothing that a reset destroys"),
    ],
)
def test_what_is_refused(text: str, reason: str) -> None:
    with pytest.raises(RecordError, match=reason):
        parse_record(text)


def test_a_disk_is_known_again_by_what_does_not_change() -> None:
    disks = {
        "sda": Disk(path="/dev/sda", size=100, serial="b", wwn="w"),
        "sdb": Disk(path="/dev/sdb", size=100, system=True),
        "sdc": Disk(path="/dev/sdc", size=100, bus_path="pci-1"),
        "sdd": Disk(path="/dev/sdd", size=100, serial="twin"),
        "sde": Disk(path="/dev/sde", size=100, serial="twin"),
        "sdf": Disk(path="/dev/sdf", size=100),
    }
    found = {
        name: find_disks(msgspec.structs.replace(place_of(disk), path="/dev/other"), disks) for name, disk in disks.items()
    }
    assert found == {"sda": ["sda"], "sdb": ["sdb"], "sdc": ["sdc"], "sdd": ["sdd", "sde"], "sde": ["sdd", "sde"], "sdf": []}
    assert find_disks(Place(path="/dev/sda", size=101, serial="b", wwn="w"), disks) == []
