"""Every way that an upgrade of a Raspberry Pi can end: the power fails after any single write, a write is torn anywhere, the
new version crashes, hangs or is sick at any point. Whatever happens the node boots the old version or the new one, the new
one by itself only once it has committed, and the upgrade can be begun again.

The firmware is the model in tests/harness/pi_firmware.py, in every variant that is known of boards and their ages.
"""

from contextlib import suppress
from itertools import product
from pathlib import Path

import pytest

from controllers.lifecycle import autoboot
from controllers.lifecycle.bundle import Bundle
from controllers.lifecycle.bundle_spool import open_bundle
from controllers.lifecycle.layout import Slot
from tests.harness.pi_firmware import Firmware
from tests.unit.lifecycle.bundles import KEYS, Recipe
from tests.unit.lifecycle.fake_disk import FakeDisk, PowerCut, power_cuts
from tests.unit.lifecycle.pi_disk import SIDE, arm, boot, carry_out, commit, fill, install, make_parts, open_session, write

A, B = Slot.A, Slot.B
AUTOBOOT = "BOOT/autoboot.txt"
NAMES = ("start", "sections", "flag", "walk")
VARIANTS = [
    pytest.param(variant, id="-".join(name for name, is_so in zip(NAMES, variant, strict=True) if is_so) or "none")
    for variant in product((True, False), repeat=4)
    if variant[1] or not variant[2]  # who does not know sections does not know the flag
]


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return open_bundle(Recipe(arch="arm64", parts=make_parts("2.0")).write(tmp_path_factory.mktemp("made") / "b"), KEYS)


@pytest.fixture(scope="module")
def former(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    recipe = Recipe("1.0", arch="arm64", parts=make_parts("1.0"))
    return open_bundle(recipe.write(tmp_path_factory.mktemp("former") / "b"), KEYS)


def make(variant: tuple[bool, ...]) -> Firmware:
    return Firmware(*variant)


def reboot(disk: FakeDisk, firmware: Firmware, *, told: bool = False) -> str | None:
    """Reboot in order, with the flag or without."""
    if told:
        firmware.tell()
    return boot(disk, firmware)


def power_on(disk: FakeDisk, firmware: Firmware) -> str | None:
    """Start after a loss of power."""
    firmware.lose_power()
    return boot(disk, firmware)


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_power_cut_after_every_write_of_a_slot_leaves_the_old_version(variant: tuple[bool, ...], bundle: Bundle) -> None:
    """Also with an older version in the slot, and also when somebody tells the firmware to try what is half written."""
    for start in (install(), with_older_version()):
        cuts = 0
        for cut in power_cuts(start):
            survive(cut, bundle)
            after, firmware = cut.copy(), make(variant)
            assert [power_on(after, firmware), reboot(after, firmware)] == ["1.0", "1.0"], f"after {cut.writes} writes"
            again = cut.copy()
            write(again, bundle)
            arm(again)
            assert reboot(again, firmware, told=True) == ("2.0" if firmware.knows_flag else "1.0"), "it can be begun again"
            cuts += 1
            told, firmware = cut.copy(), make(variant)
            reboot(told, firmware, told=True)  # nobody would: it may stay dark, or boot what was written as a whole
            assert power_on(told, firmware) == "1.0"
        assert cuts >= 30


def with_older_version() -> FakeDisk:
    disk = install()
    fill(disk, B, "0.9")
    return disk


def survive(disk: FakeDisk, bundle: Bundle) -> bool:
    try:
        write(disk, bundle)
        arm(disk)
    except PowerCut:
        return False
    return True


ENDS = ("hangs in the kernel", "panics", "no root", "crashes in stage 1", "watchdog", "power cut", "is sick and reboots")


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("variant", VARIANTS)
def test_a_try_that_ends_in_any_way_leads_to_the_old_version(variant: tuple[bool, ...], bundle: Bundle, end: str) -> None:
    disk, firmware = install(), make(variant)
    write(disk, bundle)
    assert arm(disk) == (), "to arm is to write nothing"
    if end == "no root":
        disk.roots[B] = b"damaged"
    tried = reboot(disk, firmware, told=True)
    assert tried == ("1.0" if not firmware.knows_flag else None if end == "no root" else "2.0")
    if end == "is sick and reboots":
        assert carry_out(disk, SIDE.plan_disarm(open_session(disk, B), B)) == ()
    if end in ("power cut", "hangs in the kernel"):
        firmware.lose_power()  # somebody pulls the plug of what nothing else resets
    assert [boot(disk, firmware) for _ in range(3)] == ["1.0"] * 3
    assert SIDE.look(open_session(disk, A), A).next


@pytest.mark.parametrize("lost", ["boot/kernel8.img", "boot/initramfs.zst", "boot/start4.elf", "boot/config.txt"])
def test_a_slot_that_the_firmware_cannot_start_costs_no_more_than_the_plug(bundle: Bundle, lost: str) -> None:
    """What the disk lost after it was read back; the firmware may stay dark, and the flag is gone all the same."""
    disk, firmware = install(), Firmware()
    write(disk, bundle)
    del disk.files[f"BOOT-B/{lost.removeprefix('boot/')}"]
    reboot(disk, firmware, told=True)
    assert power_on(disk, firmware) == "1.0"


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_power_cut_at_every_write_of_a_commit_leaves_one_of_the_two(variant: tuple[bool, ...], bundle: Bundle) -> None:
    disk = install()
    write(disk, bundle)
    for cut in power_cuts(disk):
        try:
            commit(cut)
        except PowerCut:
            expected = "1.0"
        else:
            expected = "2.0"
        after, firmware = cut.copy(), make(variant)
        assert [power_on(after, firmware), reboot(after, firmware)] == [expected] * 2


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_commit_that_is_torn_anywhere_in_its_sector_leaves_one_of_the_two(variant: tuple[bool, ...], bundle: Bundle) -> None:
    """A disk writes a sector or does not; one that does worse still leaves a node that boots and a file that is mended."""
    disk = install()
    write(disk, bundle)
    old, new = autoboot.render(A), autoboot.render(B)
    for at in range(autoboot.SIZE + 1):
        torn = disk.copy()
        torn.files[AUTOBOOT] = new[:at] + old[at:]
        firmware = make(variant)
        assert [power_on(torn, firmware), reboot(torn, firmware)] in (["1.0"] * 2, ["2.0"] * 2)
        commit(torn)
        assert torn.files[AUTOBOOT] == new, "the version that runs goes on with its commit"
        assert power_on(torn, firmware) == "2.0"


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("garbage", [None, b"", b"\0" * 512, b"\xff" * 512, b"[all]\nboot_partition=9\n", b"[tryboot]\n"])
def test_a_lost_or_damaged_autoboot_leaves_slot_a_and_is_mended(
    variant: tuple[bool, ...], bundle: Bundle, garbage: bytes | None
) -> None:
    disk, firmware = install(), make(variant)
    if garbage is None:
        del disk.files[AUTOBOOT]
    else:
        disk.files[AUTOBOOT] = garbage
    assert power_on(disk, firmware) == "1.0", "partition 0 is the first one that can be booted"
    assert SIDE.look(open_session(disk, A), A).next
    for cut in power_cuts(disk):
        survive(cut, bundle)
        assert power_on(cut.copy(), firmware) == "1.0"
    write(disk, bundle)
    assert disk.files[AUTOBOOT] == autoboot.render(A)


@pytest.mark.parametrize("variant", VARIANTS)
def test_upgrades_go_back_and_forth(variant: tuple[bool, ...], bundle: Bundle, former: Bundle) -> None:
    """B is committed, then A is written again with every power cut, tried, fails, is tried again by hand, and committed."""
    disk, firmware = install(), make(variant)
    write(disk, bundle)
    commit(disk)
    assert power_on(disk, firmware) == "2.0"
    for cut in power_cuts(disk):
        with suppress(PowerCut):
            write(cut, former, slot=A)
        assert power_on(cut.copy(), firmware) == "2.0"
        lost = cut.copy()
        del lost.files[AUTOBOOT]
        assert power_on(lost, firmware) in ("1.0", "2.0"), "a slot that is half written cannot be booted"
    write(disk, former, slot=A)
    assert arm(disk, A) == ()
    assert reboot(disk, firmware, told=True) == ("1.0" if firmware.knows_flag else "2.0")
    assert power_on(disk, firmware) == "2.0", "it never committed"
    commit(disk, A)
    assert [power_on(disk, firmware), reboot(disk, firmware)] == ["1.0"] * 2


def test_firmware_that_reads_another_configuration_for_a_try_finds_the_same_there(bundle: Bundle) -> None:
    disk, firmware = install(), Firmware(heeds=False)
    write(disk, bundle)
    assert reboot(disk, firmware, told=True) == "2.0"
    assert reboot(disk, firmware) == "1.0"
    del disk.files["BOOT-B/tryboot.txt"]
    assert reboot(disk, firmware, told=True) is None, "the model can fail"


def test_a_first_partition_that_looks_bootable_is_why_a_lost_autoboot_would_be_dark() -> None:
    """The model can fail: this is what docs/boards.md keeps out of BOOT on boards that would take it for a system."""
    disk = install()
    disk.files["BOOT/config.txt"] = b""
    del disk.files[AUTOBOOT]
    assert power_on(disk, Firmware(by_start=False)) is None
    assert power_on(disk, Firmware(by_start=True)) == "1.0"


def test_without_the_last_section_an_old_bootloader_would_boot_what_nobody_has_tried(bundle: Bundle) -> None:
    """The model can fail: why `[none]` ends the file."""
    disk = install()
    write(disk, bundle)
    disk.files[AUTOBOOT] = disk.files[AUTOBOOT].partition(b"[none]")[0]
    assert power_on(disk, Firmware(sections=False)) == "2.0"


@pytest.mark.parametrize("path", [Path("autoboot-a.txt"), Path("autoboot-b.txt")])
def test_the_file_is_one_sector_and_the_build_writes_the_same(path: Path) -> None:
    from image import pi

    slot = Slot(path.stem[-1])
    golden = (Path(__file__).parents[2] / "data/lifecycle/tryboot" / path).read_bytes()
    assert golden == autoboot.render(slot) == pi.render_autoboot(slot.value)
    assert len(golden) == autoboot.SIZE
    assert autoboot.parse(golden) is slot
