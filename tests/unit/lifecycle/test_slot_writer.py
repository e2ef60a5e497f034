import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from controllers.lifecycle.bundle import Bundle, open_parts
from controllers.lifecycle.bundle_spool import open_bundle
from controllers.lifecycle.entries import Entry, plan_arm, plan_commit, plan_disarm, plan_first
from controllers.lifecycle.errors import SlotError
from controllers.lifecycle.esp_side import plan_boot_files, plan_write, read_boot_state
from controllers.lifecycle.layout import GRUBENV, Slot, render_boot_cfg
from controllers.lifecycle.slot_writer import OverwriteFile, Step, execute, explain
from controllers.lifecycle.slots import root_id
from tests.unit.lifecycle.bundles import COMMAND_LINE, KEYS, Recipe, make_parts, root_hash
from tests.unit.lifecycle.fake_disk import FakeDisk, PowerCut, boot, power_cuts

A, B = Slot.A, Slot.B
RUNNING = Entry(A, 0, "1.0")
NEXT = Entry(B, 0, "2.0")


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return open_bundle(Recipe().write(tmp_path_factory.mktemp("made") / "bundle"), KEYS)


@pytest.fixture(scope="module")
def former(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return open_parts(Recipe("1.0").unpack(tmp_path_factory.mktemp("former")), KEYS)


@pytest.fixture
def disk(former: Bundle) -> FakeDisk:
    """What an installation leaves: version 1.0 in slot a."""
    made = FakeDisk()
    made.ids = {A: root_id(former.manifest.root_hash)}
    made.write_root(A, former.read("root.erofs"))
    execute((*plan_boot_files(former.manifest, A, COMMAND_LINE), *plan_first(RUNNING, bios=True)), made, former)
    return made


def write_steps(disk: FakeDisk, bundle: Bundle) -> tuple[Step, ...]:
    return plan_write(read_boot_state(disk), bundle.manifest, B, COMMAND_LINE, RUNNING)


def upgrade(disk: FakeDisk, bundle: Bundle) -> None:
    """What the node does up to the reboot."""
    execute(write_steps(disk, bundle), disk, bundle)
    execute(plan_arm(read_boot_state(disk), NEXT), disk)


def test_the_steps_are_those_of_the_contract_in_its_order(disk: FakeDisk, bundle: Bundle) -> None:
    upgrade(disk, bundle)
    assert [step.describe() for step in write_steps(disk, bundle)] == [
        "write grub/grubenv: default a, try none",
        "remove loader/entries/ophite-b+1.conf: nothing may boot it",
        "write ROOT-B",
        f"set the id of ROOT-B to {root_id(root_hash())}",
        "remove EFI/ophite/b.efi: makes room",
        "remove EFI/ophite/b.efi.new: makes room",
        "remove ophite/b/vmlinuz: makes room",
        "remove ophite/b/vmlinuz.new: makes room",
        "remove ophite/b/initramfs.zst: makes room",
        "remove ophite/b/initramfs.zst.new: makes room",
        "remove ophite/b/boot.cfg: makes room",
        "remove ophite/b/boot.cfg.new: makes room",
        "write EFI/ophite/b.efi",
        "write ophite/b/vmlinuz",
        "write ophite/b/initramfs.zst",
        "write ophite/b/boot.cfg: how GRUB starts it",
    ]


def test_a_written_slot_holds_the_bundle(disk: FakeDisk, bundle: Bundle) -> None:
    upgrade(disk, bundle)
    parts = make_parts()
    assert disk.roots[B] == parts["root.erofs"]
    assert disk.files["EFI/ophite/b.efi"] == parts["ophite.efi"]
    assert disk.files["ophite/b/vmlinuz"] == parts["vmlinuz"]
    assert disk.files["ophite/b/boot.cfg"] == render_boot_cfg(B, COMMAND_LINE).encode()
    assert not [path for path in disk.files if path.endswith(".new")]


@pytest.mark.parametrize("firmware", ["uefi", "bios"])
def test_an_upgrade_boots_once_and_then_for_good(disk: FakeDisk, bundle: Bundle, firmware: str) -> None:
    assert boot(disk, firmware) == "1.0"
    upgrade(disk, bundle)
    assert boot(disk, firmware) == "2.0"
    uncommitted = disk.copy()
    assert [boot(uncommitted, firmware) for _ in range(2)] == ["1.0", "1.0"]
    execute(plan_commit(read_boot_state(disk), NEXT), disk)
    assert [boot(disk, firmware) for _ in range(2)] == ["2.0", "2.0"]


@pytest.mark.parametrize("firmware", ["uefi", "bios"])
def test_a_power_cut_after_every_single_write_leaves_a_node_that_boots(
    disk: FakeDisk, bundle: Bundle, former: Bundle, firmware: str
) -> None:
    """Also when slot b held an older version that was committed once."""
    cuts = 0
    for cut in power_cuts(disk):
        done = survive(cut, lambda: upgrade(cut, bundle))  # noqa: B023 - called at once
        after = cut.copy()
        versions = [boot(after, firmware) for _ in range(3)]
        assert versions == ["1.0"] * 3 or versions == ["2.0", "1.0", "1.0"], f"cut after {cut.writes} writes: {versions}"
        assert not done or versions[0] == "2.0"
        again = cut.copy()
        upgrade(again, bundle)
        assert boot(again, firmware) == "2.0", "and the upgrade can be begun again"
        cuts += 1
    assert cuts > 30


def survive(disk: FakeDisk, work: Callable[[], None]) -> bool:
    try:
        work()
    except PowerCut:
        return False
    return True


@pytest.mark.parametrize("firmware", ["uefi", "bios"])
def test_the_next_upgrade_overwrites_the_former_version(disk: FakeDisk, bundle: Bundle, former: Bundle, firmware: str) -> None:
    upgrade(disk, bundle)
    boot(disk, firmware)
    execute(plan_commit(read_boot_state(disk), NEXT), disk)
    for cut in power_cuts(disk):
        steps = plan_write(read_boot_state(cut), former.manifest, A, COMMAND_LINE, NEXT)
        survive(cut, lambda: execute(steps, cut, former))  # noqa: B023 - called at once
        after = cut.copy()
        assert [boot(after, firmware) for _ in range(2)] == ["2.0", "2.0"]


def test_progress_counts_bytes(disk: FakeDisk, bundle: Bundle) -> None:
    said: list[tuple[str, float]] = []
    execute(write_steps(disk, bundle), disk, bundle, lambda text, done: said.append((text, done)))
    fractions = [done for _, done in said]
    assert fractions == sorted(fractions)
    assert fractions[-1] > 0.99
    assert ("write ROOT-B", fractions[3]) in said


def test_the_slot_that_runs_is_never_written(disk: FakeDisk, bundle: Bundle) -> None:
    with pytest.raises(SlotError, match="slot a runs and is not written"):
        plan_write(read_boot_state(disk), bundle.manifest, A, COMMAND_LINE, RUNNING)


def test_a_version_that_has_not_proved_itself_is_not_all_there_is(disk: FakeDisk, bundle: Bundle, former: Bundle) -> None:
    upgrade(disk, bundle)
    assert boot(disk, "uefi") == "2.0"
    with pytest.raises(SlotError, match="slot a is the only one that can boot"):
        plan_write(read_boot_state(disk), former.manifest, A, COMMAND_LINE, NEXT)


@pytest.mark.parametrize("firmware", ["uefi", "bios"])
def test_an_esp_that_lost_the_running_entry_gets_it_back_first(disk: FakeDisk, bundle: Bundle, firmware: str) -> None:
    upgrade(disk, bundle)
    for path in [path for path in disk.files if path.startswith("loader/entries/ophite-a")]:
        del disk.files[path]
    for cut in power_cuts(disk):
        survive(cut, lambda: execute(write_steps(cut, bundle), cut, bundle))  # noqa: B023 - called at once
        assert boot(cut.copy(), firmware) in ("1.0", "2.0")
    execute(write_steps(disk, bundle), disk, bundle)
    assert boot(disk, firmware) == "1.0"


def test_damage_on_the_disk_is_found_by_reading_back(disk: FakeDisk, bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    steps = write_steps(disk, bundle)
    monkeypatch.setattr(disk, "hash_root", lambda _slot, _size: "0" * 64)
    with pytest.raises(SlotError, match="write ROOT-B: what was read back is not what was written"):
        execute(steps, disk, bundle)
    assert boot(disk, "uefi") == "1.0"
    monkeypatch.undo()
    monkeypatch.setattr(disk, "hash_stored", lambda _path: "0" * 64)
    with pytest.raises(SlotError, match=r"write EFI/ophite/b\.efi: what was read back"):
        execute(steps, disk, bundle)
    assert "EFI/ophite/b.efi" not in disk.files


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (errno.ENOSPC, "it is full"),
        (errno.EROFS, "it is read-only"),
        (errno.EIO, "the disk does not answer"),
        (errno.ENODEV, "the disk is gone"),
        (errno.EBUSY, "somebody uses it"),
        (errno.EXDEV, "Invalid cross-device link"),
    ],
)
def test_a_disk_that_fails_is_said_clearly_and_the_old_version_boots(
    disk: FakeDisk, bundle: Bundle, code: int, message: str
) -> None:
    steps = write_steps(disk, bundle)
    for at in (0, 3, len(steps) - 3):
        execute(steps[:at], disk, bundle)
        disk.fail_with = OSError(code, os.strerror(code))
        with pytest.raises(SlotError, match=message) as caught:
            execute(steps[at:], disk, bundle)
        assert caught.value.hint
        disk.fail_with = None
        assert boot(disk.copy(), "uefi") == boot(disk.copy(), "bios") == "1.0"


def test_an_error_without_a_number_keeps_its_text() -> None:
    assert explain(OSError("odd"), "write x").message == "write x: odd"


def test_parts_need_a_bundle(disk: FakeDisk, bundle: Bundle) -> None:
    with pytest.raises(SlotError, match="no bundle"):
        execute(write_steps(disk, bundle), disk)


def test_a_damaged_environment_is_replaced_as_a_file(disk: FakeDisk) -> None:
    disk.files[GRUBENV] = b"short"
    execute([OverwriteFile(GRUBENV, bytes(1024), "why")], disk)
    assert len(disk.files[GRUBENV]) == 1024


def test_a_bundle_without_grub_brings_no_files_for_it(tmp_path: Path) -> None:
    bundle = open_parts(Recipe(arch="arm64").unpack(tmp_path), KEYS)
    steps = plan_boot_files(bundle.manifest, B, COMMAND_LINE)
    assert [step.describe() for step in steps if step.describe().startswith("write")] == ["write EFI/ophite/b.efi"]


def test_a_failed_slot_is_taken_back(disk: FakeDisk, bundle: Bundle) -> None:
    upgrade(disk, bundle)
    execute(plan_disarm(read_boot_state(disk), B), disk)
    assert boot(disk.copy(), "uefi") == boot(disk.copy(), "bios") == "1.0"
