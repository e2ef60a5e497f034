"""What is done with a disk, by what it holds."""

import pytest

from controllers.block.gpt import GptError
from controllers.install.contents import Verdict
from controllers.install.errors import InstallError, Refused
from controllers.install.job import install
from controllers.install.order import CONFIG, Done, Order, Outcome
from controllers.install.progress import Progress
from controllers.install.steps import Activate, MakeEsp, WriteBootCode, WriteMark, WriteRoot, WriteTable
from controllers.lifecycle.errors import SlotError
from controllers.machine.programs import ProgramError
from tests.harness.clock import FakeClock
from tests.unit.install.fakes import FakePort, table

STATE = {CONFIG: b"one", "identity.json": b"{}"}
ORDER = Order("/dev/sda", 64 << 30, 512, state=STATE)


async def run(port: FakePort, order: Order = ORDER) -> Done:
    return await install(order, port, port.medium, Progress(FakeClock(), lambda: None))


def installed(root_hash: str = "ab" * 32, config: bytes = b"one") -> FakePort:
    port = FakePort()
    port.verdict, port.table, port.has_root, port.has_entry = Verdict.OURS, table(root_hash), True, True
    port.found = ("a GPT of 6 partitions",)
    port.state = {CONFIG: config}
    return port


async def test_an_empty_disk_is_installed() -> None:
    port = FakePort()
    assert await run(port) == Done(Outcome.INSTALLED, "2.0")
    assert port.kinds[0] == port.kinds[-1] == "WriteMark"
    assert len(port.done) == 11
    assert port.medium.released == 1


async def test_the_same_again_does_nothing() -> None:
    port = FakePort()
    await run(port)
    count = len(port.done)
    assert await run(port) == Done(Outcome.ALREADY, "2.0")
    assert len(port.done) == count


async def test_after_a_power_cut_it_begins_again_with_the_same_disk_id() -> None:
    port = FakePort()
    port.failing = MakeEsp
    with pytest.raises(InstallError):
        await run(port)
    first, port.failing = port.uuid, None
    await run(port)
    assert port.uuid == first
    assert port.verdict is Verdict.OURS


@pytest.mark.parametrize("failing", [WriteBootCode, WriteMark])
async def test_after_the_entry_only_the_end_is_done_again(failing: type) -> None:
    port = FakePort()
    await run(port)
    port.verdict, port.done = Verdict.INTERRUPTED, []
    await run(port)
    assert port.kinds == ["WriteBootCode", "WriteMark"]


async def test_a_marked_disk_with_an_entry_and_another_configuration_is_somebody_s_system() -> None:
    port = installed(config=b"two")
    port.verdict = Verdict.INTERRUPTED
    with pytest.raises(Refused, match="another version or configuration"):
        await run(port)


@pytest.mark.parametrize("port", [installed("cd" * 32), installed(config=b"two")], ids=["version", "configuration"])
async def test_another_ophite_is_refused(port: FakePort) -> None:
    with pytest.raises(Refused) as refused:
        await run(port)
    assert "/dev/sda is not empty and is left alone; it holds an installed Ophite" in refused.value.message
    assert "wipe: true" in refused.value.hint
    assert port.done == []


@pytest.mark.parametrize("missing", ["has_root", "has_entry"])
async def test_ours_but_damaged_is_not_the_same(missing: str) -> None:
    port = installed()
    setattr(port, missing, False)
    with pytest.raises(Refused):
        await run(port)
    await run(port, Order("/dev/sda", 64 << 30, 512, wipe=True, state=STATE))
    assert len(port.done) == 11


async def test_what_is_foreign_is_named() -> None:
    port = FakePort()
    port.verdict, port.found = Verdict.FOREIGN, ("an MBR", "partition 1 of type 0x07: ntfs")
    with pytest.raises(Refused, match=r"it holds an MBR; partition 1 of type 0x07: ntfs"):
        await run(port)


async def test_a_small_disk_is_refused() -> None:
    with pytest.raises(Refused, match="/dev/sda: this version needs a disk of 2116 MiB"):
        await run(FakePort(), Order("/dev/sda", 1 << 30, 512, state=STATE))


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (OSError(5, "Input/output error"), "Input/output error"),
        (OSError(28, "No space left on device", "/esp/x"), "No space left on device: /esp/x"),
        (ProgramError(["/usr/bin/mkfs.vfat"], "ended with status 1", "no such device"), "mkfs.vfat: ended with status 1"),
        (GptError("overlap"), "overlap"),
    ],
)
async def test_a_step_that_fails_is_named(error: Exception, text: str) -> None:
    port = FakePort()
    port.failing, port.error = WriteTable, error
    with pytest.raises(InstallError) as failed:
        await run(port)
    assert failed.value.message.startswith("write the partition table of /dev/sda: ")
    assert text in failed.value.message
    assert port.kinds == ["WriteMark", "Clear"]


async def test_faults_of_the_slot_writer_keep_their_hint() -> None:
    port = FakePort()
    port.failing, port.error = WriteRoot, SlotError("the disk is gone", "check the cable")
    with pytest.raises(SlotError) as failed:
        await run(port)
    assert failed.value.hint == "check the cable"


async def test_a_disk_that_the_node_works_with_is_in_use() -> None:
    port = FakePort()
    port.busy = True
    with pytest.raises(InstallError, match="/dev/sda is in use: Device or resource busy: /var"):
        await run(port)
    assert port.done == []


async def test_nothing_boots_before_everything_else_is_there() -> None:
    port = FakePort()
    await run(port)
    kinds = port.kinds
    assert kinds.index("Activate") > max(kinds.index(one) for one in ("WriteRoot", "WriteBootFiles", "MakeState", "MakeMeta"))
    assert all(not isinstance(one, Activate) for one in port.done[: kinds.index("Activate")])
