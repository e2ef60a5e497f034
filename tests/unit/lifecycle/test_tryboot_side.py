"""The boot side of a Raspberry Pi: what each step of an upgrade does to its files, by a golden text, and what is refused."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from controllers.lifecycle.autoboot import render
from controllers.lifecycle.bundle import Bundle
from controllers.lifecycle.bundle_spool import open_bundle
from controllers.lifecycle.errors import SlotError
from controllers.lifecycle.layout import Slot
from controllers.lifecycle.slot_writer import Steps
from controllers.lifecycle.slots import root_id
from controllers.lifecycle.tryboot import ARGUMENT, Board
from controllers.lifecycle.tryboot_side import TrybootSide
from controllers.ports import Paths
from controllers.resources.lifecycle import SlotStatus
from tests.harness.pi_firmware import Firmware
from tests.unit.lifecycle.bundles import KEYS, Recipe, root_hash
from tests.unit.lifecycle.fake_disk import FakeDisk, PowerCut
from tests.unit.lifecycle.pi_disk import (
    SIDE,
    arm,
    carry_out,
    commit,
    fill,
    find_version,
    install,
    make_parts,
    open_session,
    write,
)

A, B = Slot.A, Slot.B
GOLDEN = Path(__file__).parents[2] / "data/lifecycle/tryboot/protocol.txt"
AUTOBOOT = "BOOT/autoboot.txt"


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return open_bundle(Recipe(arch="arm64", parts=make_parts("2.0")).write(tmp_path_factory.mktemp("made") / "b"), KEYS)


def show(title: str, disk: FakeDisk, running: Slot, *, told: bool = False, steps: Steps = ()) -> Iterator[str]:
    """Yield what a card holds, and what the firmware makes of it next."""
    yield f"== {title}"
    yield from (f"step: {step.describe()}" for step in steps)
    text = disk.files[AUTOBOOT].rstrip(b"\n").decode().replace("\n", " ")
    yield f"autoboot.txt ({len(disk.files[AUTOBOOT])} bytes): {text}"
    for slot in Slot:
        files = [path.removeprefix(f"{slot.boot_label}/") for path in sorted(disk.files) if path.startswith(slot.boot_label)]
        yield f"{slot.boot_label}: {' '.join(files) or 'empty'}"
        status = SIDE.look(open_session(disk, running), slot)
        words = [status.version or "no version", *(name for name in ("running", "next") if getattr(status, name))]
        yield f"slot {slot.value}: {', '.join(words)}, tries {status.tries}{f', {status.error}' if status.error else ''}"
    firmware = Firmware()
    if told:
        firmware.tell()
    booted = firmware.start(disk.files)
    yield f"firmware {'with the flag' if told else 'boots'}: {booted and (booted.partition, find_version(disk, booted))}"
    yield ""


def tell_story(bundle: Bundle) -> Iterator[str]:
    disk = install()
    yield from show("installed", disk, A)
    half = disk.copy()
    half.writes_left = 14
    with suppress(PowerCut):
        write(half, bundle)
    yield from show("power cut while slot b is written", half.copy(), A)
    yield from show("slot b is written", disk, A, steps=write(disk, bundle))
    yield from show("armed: the reboot carries the flag", disk, A, told=True, steps=arm(disk))
    yield from show("slot b runs on trial", disk, B)
    failed = disk.copy()
    yield from show(
        "the trial failed: disarmed", failed, A, steps=carry_out(failed, SIDE.plan_disarm(open_session(failed, B), B))
    )
    yield from show("slot b has proved itself: committed", disk, B, steps=commit(disk))
    yield from show("rolled back by hand: the reboot carries the flag", disk, B, told=True, steps=arm(disk, A))
    yield from show("slot a has proved itself: committed", disk, A, steps=commit(disk, A))


def test_the_protocol_is_that_of_the_contract(bundle: Bundle) -> None:
    text = "\n".join(tell_story(bundle)).replace(str(root_id(root_hash("2.0"))), "ID")
    assert text == GOLDEN.read_text()


def test_a_slot_is_written_in_an_order_that_makes_it_bootable_last(bundle: Bundle) -> None:
    disk = install()
    fill(disk, B, "0.9")
    steps = [step.describe() for step in SIDE.plan_write(open_session(disk, A), B, bundle, ())]
    removed = [text for text in steps if text.startswith("remove")]
    assert removed[:2] == ["remove BOOT-B/start4.elf: it is replaced", "remove BOOT-B/config.txt: it is replaced"]
    assert steps[: len(removed)] == removed
    assert steps[len(removed)] == "write ROOT-B"
    assert steps[-2:] == ["write BOOT-B/config.txt", "write BOOT-B/start4.elf"]


def test_a_written_slot_holds_the_bundle(bundle: Bundle) -> None:
    disk = install()
    fill(disk, B, "0.9")
    disk.files |= {"BOOT-B/stray.bin.new": b"x", "BOOT-B/overlays/old.dtbo": b"x"}
    before = {path: data for path, data in disk.files.items() if not path.startswith("BOOT-B")}
    write(disk, bundle)
    files = {path: data for path, data in disk.files.items() if path.startswith("BOOT-B")}
    parts = make_parts("2.0")
    assert files == {f"BOOT-B/{name.removeprefix('boot/')}": data for name, data in parts.items() if name.startswith("boot/")}
    assert {path: data for path, data in disk.files.items() if not path.startswith("BOOT-B")} == before
    assert (disk.roots[B][: len(parts["root.erofs"])], disk.ids[B]) == (parts["root.erofs"], root_id(root_hash("2.0")))


def test_kernel_arguments_of_the_configuration_come_along(bundle: Bundle) -> None:
    disk = install()
    write(disk, bundle, ("ip=dhcp", "quiet"))
    line = make_parts("2.0")["cmdline"].decode().strip()
    assert disk.files["BOOT-B/cmdline.txt"].decode() == f"{line} ip=dhcp quiet\n"
    assert SIDE.look(open_session(disk, A), B).root_hash == root_hash("2.0")


def test_what_slots_hold_is_read_from_their_files() -> None:
    disk = install()
    look = SIDE.look(open_session(disk, A), A)
    expected = SlotStatus(
        version="1.0", root_hash=root_hash("1.0"), running=True, next=True, entry=True, tries=None, argument=ARGUMENT
    )
    assert look == expected
    fill(disk, B, "2.0")
    disk.ids[B] = disk.ids[A]
    assert "does not bear the id" in SIDE.look(open_session(disk, A), B).error
    for name in ("config.txt", "cmdline.txt"):
        lost = install("1.0")
        fill(lost, B, "2.0")
        del lost.files[f"BOOT-B/{name}"]
        assert "it is empty" in SIDE.look(open_session(lost, A), B).error


def test_a_slot_whose_last_file_is_missing_is_no_version() -> None:
    disk = install()
    fill(disk, B, "2.0")
    del disk.files["BOOT-B/start4.elf"]
    assert "not complete" in SIDE.look(open_session(disk, A), B).error
    del disk.files["BOOT-A/start4.elf"]
    assert SIDE.look(open_session(disk, A), B).error == "", "a Pi 5 has none"


def test_hostile_files_are_no_version() -> None:
    disk = install()
    disk.files |= {
        "BOOT-B/config.txt": b"# Ophite " + b"9" * 100 + b"\n",
        "BOOT-B/cmdline.txt": b"ophite.verity=zz:1:2\xff" * 9999,
    }
    found = SIDE.look(open_session(disk, A), B)
    assert (found.version, found.root_hash) == ("", "")
    assert "it is empty" in found.error


def test_the_slot_that_runs_and_the_one_that_is_left_are_not_written(bundle: Bundle) -> None:
    disk = install()
    write(disk, bundle)
    session = open_session(disk, B)
    with pytest.raises(SlotError, match="slot b runs and is not written"):
        SIDE.plan_write(session, B, bundle, ())
    unproved = "slot a is what the firmware boots, and slot b has not proved itself"
    with pytest.raises(SlotError, match=unproved) as caught:
        SIDE.plan_write(session, A, bundle, ())
    assert caught.value.hint
    with pytest.raises(SlotError, match=unproved):
        SIDE.plan_arm(session, A, "")


def test_the_only_slot_that_boots_is_never_disarmed(bundle: Bundle) -> None:
    disk = install()
    with pytest.raises(SlotError, match="only one that can boot"):
        SIDE.plan_disarm(open_session(disk, A), A)
    write(disk, bundle)
    commit(disk)
    carry_out(disk, SIDE.plan_disarm(open_session(disk, B), B))
    assert disk.files[AUTOBOOT] == render(A), "slot a has proved itself once"


def test_once_is_enough(bundle: Bundle) -> None:
    disk = install()
    assert SIDE.plan_commit(open_session(disk, A), A) == ()
    write(disk, bundle)
    assert len(commit(disk)) == 1
    assert commit(disk) == ()


def test_a_machine_that_cannot_tell_its_firmware_is_refused_before_the_reboot(tmp_path: Path, bundle: Bundle) -> None:
    disk = install()
    write(disk, bundle)
    with pytest.raises(SlotError, match="the firmware cannot be told"):
        TrybootSide(Board(Paths(tmp_path))).plan_arm(open_session(disk, A), B, "2.0")


def test_room_is_measured_before_anything_is_written(bundle: Bundle) -> None:
    disk = install()
    disk.free = 2 << 20
    SIDE.check_room(open_session(disk, A), B, bundle.manifest)
    disk.free = 1 << 20
    with pytest.raises(SlotError, match="BOOT-B of /dev/mmcblk0 has room for 1 MiB"):
        SIDE.check_room(open_session(disk, A), B, bundle.manifest)
    fill(disk, B, "0.9")
    SIDE.check_room(open_session(disk, A), B, bundle.manifest)


def test_the_partitions_are_found_by_their_names() -> None:
    devices = SIDE.list_devices(open_session(install(), A).disk)
    assert devices == {"BOOT": "/dev/mmcblk0p1", "BOOT-A": "/dev/mmcblk0p2", "BOOT-B": "/dev/mmcblk0p3"}


def test_damage_is_found_by_reading_back(bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    disk = install()
    write(disk, bundle)
    monkeypatch.setattr(disk, "hash_stored", lambda _path: "0" * 64)
    with pytest.raises(SlotError, match=r"write BOOT/autoboot\.txt: slot b boots: what was read back"):
        commit(disk)
