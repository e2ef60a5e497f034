"""Key slots of a real LUKS2 volume in a file, by the real cryptsetup; opening it needs the kernel's device mapper."""

import os
from pathlib import Path

import pytest

from controllers.block import luks as module
from controllers.block.luks import HEADER, Luks, LuksError, mapper_name, mapper_path
from controllers.block.luks_keys import RemoveSlot, SlotKey
from controllers.machine.programs import ProgramError

pytestmark = pytest.mark.kernel

OLD, NEW, OTHER = (SlotKey(0, b"the old passphrase"), SlotKey(0, b"the new passphrase"), SlotKey(1, b"another one"))
MIB = 1024 * 1024
HAS_DEVICE_MAPPER = "device-mapper" in Path("/proc/misc").read_text()


@pytest.fixture
def device(tmp_path: Path) -> str:
    path = tmp_path / "volume.img"
    with path.open("wb") as file:
        file.truncate(HEADER + 8 * MIB)
    return str(path)


@pytest.fixture
def luks(tmp_path: Path) -> Luks:
    return Luks(Path("/usr/sbin"), tmp_path / "kept", patience=5.0)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Derive keys in no time; which derivation it is does not matter here."""
    monkeypatch.setattr(module, "PBKDF", ("--pbkdf", "pbkdf2", "--pbkdf-force-iterations", "1000"))


@pytest.fixture
def rebooted(tmp_path: Path) -> Luks:
    """Another boot, which remembers nothing."""
    return Luks(Path("/usr/sbin"), tmp_path / "kept after the reboot", patience=5.0)


async def opens(luks: Luks, device: str, key: SlotKey) -> bool:
    return key.slot in await luks.slots(device) and await luks._fits(device, key)


@pytest.mark.usefixtures("quick")
async def test_slots_follow_the_configuration(luks: Luks, rebooted: Luks, device: str) -> None:
    await luks.format(device, "u-data", OLD)
    assert await luks.slots(device) == {0}
    assert await luks.sync(device, [OLD]) == []
    assert await luks.sync(device, [OLD, OTHER]) == ["add the key of slot 1 in slot 1"]
    assert await rebooted.sync(device, [OLD, OTHER]) == []
    assert await opens(luks, device, OTHER)
    await luks.sync(device, [OTHER])
    assert await luks.slots(device) == {1}
    assert not await luks._fits(device, SlotKey(1, OLD.secret))


@pytest.mark.usefixtures("quick")
async def test_a_key_is_rotated_in_its_only_slot(luks: Luks, rebooted: Luks, device: str) -> None:
    await luks.format(device, "STATE", OLD)
    with pytest.raises(LuksError, match=r"none of the configured keys \(slots 0\) opens it"):
        await rebooted.sync(device, [NEW])
    assert len(await luks.sync(device, [NEW])) == 4
    assert await luks.slots(device) == {0}
    assert await opens(luks, device, NEW)
    assert not await opens(luks, device, OLD)


@pytest.mark.usefixtures("quick")
async def test_a_rotation_that_was_cut_off_goes_on(luks: Luks, rebooted: Luks, device: str) -> None:
    await luks.format(device, "STATE", OLD)

    class PowerCut(Exception):
        pass

    async def cut(device: str, step: object) -> None:
        await execute(device, step)  # type: ignore[arg-type]  # whatever step it is
        raise PowerCut

    execute = luks._execute
    luks._execute = cut  # type: ignore[method-assign]  # the power fails after the first step
    with pytest.raises(PowerCut):
        await luks.sync(device, [NEW])
    assert await luks.slots(device) == {0, 8}
    await rebooted.sync(device, [NEW])
    assert await luks.slots(device) == {0}
    assert await opens(rebooted, device, NEW)


@pytest.mark.usefixtures("quick")
async def test_a_rotation_that_failed_late_can_be_taken_back(luks: Luks, device: str) -> None:
    await luks.format(device, "STATE", OLD)
    execute = luks._execute

    async def fail(device: str, step: object) -> None:
        if isinstance(step, RemoveSlot) and step.slot == 8:
            raise ProgramError(("cryptsetup",), "was killed by signal 9")
        await execute(device, step)  # type: ignore[arg-type]  # whatever step it is

    luks._execute = fail  # type: ignore[method-assign]  # the program is killed at the last step
    with pytest.raises(ProgramError):
        await luks.sync(device, [NEW])
    luks._execute = execute  # type: ignore[method-assign]  # and works again
    await luks.sync(device, [OLD])
    assert await luks.slots(device) == {0}
    assert await opens(luks, device, OLD)


@pytest.mark.usefixtures("quick")
async def test_the_last_slot_is_not_wiped(luks: Luks, device: str) -> None:
    await luks.format(device, "STATE", OLD)
    with pytest.raises(ProgramError):
        await luks._execute(device, RemoveSlot(0, OTHER))
    assert await opens(luks, device, OLD)


async def test_what_is_no_volume_is_said(luks: Luks, device: str) -> None:
    with pytest.raises(ProgramError, match="not a valid LUKS device"):
        await luks.open(device, "luks-none", [OLD])


async def test_a_small_machine_can_open_it(luks: Luks, device: str) -> None:
    await luks.format(device, "STATE", OLD)
    dump = await luks._run("luksDump", device)
    assert "argon2id" in dump
    assert "Memory:     65536" in dump
    assert "Time cost:  4" in dump


@pytest.mark.usefixtures("quick")
async def test_no_secret_is_in_argv_or_lies_around(luks: Luks, device: str, tmp_path: Path) -> None:
    (tmp_path / "spy").write_text('#!/bin/sh\necho "$@" >> "$(dirname "$0")/argv"\nexec /usr/sbin/cryptsetup "$@"\n')
    (tmp_path / "spy").chmod(0o755)
    luks._program = str(tmp_path / "spy")
    await luks.format(device, "STATE", OLD)
    await luks.sync(device, [NEW, OTHER])
    argv = (tmp_path / "argv").read_text()
    assert argv.count("/proc/self/fd/") > 4
    assert "passphrase" not in argv.replace("--test-passphrase", "")
    assert {oct(path.stat().st_mode & 0o777) for path in (tmp_path / "kept").iterdir()} == {"0o600"}


@pytest.mark.usefixtures("quick")
async def test_open_and_close_or_say_that_the_kernel_cannot(luks: Luks, device: str) -> None:
    name = mapper_name(f"test{os.getpid()}")
    await luks.format(device, "STATE", OLD)
    if not HAS_DEVICE_MAPPER:  # as on some build machines; VM tests open volumes
        with pytest.raises(ProgramError, match="device-mapper"):
            await luks.open(device, name, [OLD])
        return
    assert await luks.open(device, name, [NEW, OLD]) == 0
    try:
        assert await luks.open(device, name, [OLD]) == -1, mapper_path(name)
    finally:
        await luks.close(name)
    await luks.close(name)
    with pytest.raises(LuksError):
        await luks.open(device, name, [NEW])
