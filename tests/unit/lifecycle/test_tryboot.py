"""Before a try: the machine must be able to tell its firmware, and the firmware to do it."""

import struct
import subprocess
import sys
from pathlib import Path

import pytest

from controllers.lifecycle import mailbox, tryboot, tryboot_main
from controllers.lifecycle.decide import Decision, Facts, Move
from controllers.lifecycle.errors import SlotError
from controllers.lifecycle.record import UpgradeRecord
from controllers.lifecycle.transitions import State
from controllers.lifecycle.tryboot import ARGUMENT, Board, want_argument
from controllers.ports import Paths
from controllers.resources.lifecycle import SlotStatus

OLD, NEW = "0" * 64, "1" * 64
RECORD = UpgradeRecord(state=State.TRYING, slot="b", root_hash=NEW, boot_id="boot-1")
SLOTS = {name: SlotStatus(argument=ARGUMENT) for name in "ab"}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A board with a mainline kernel that was started by an image of ours."""
    tree = tmp_path / "proc/device-tree"
    (tree / mailbox.PAGE_NODE).mkdir(parents=True)
    (tree / mailbox.PAGE_NODE / "reg").write_bytes(bytes(8))
    (tmp_path / "proc/cmdline").write_text("console=ttyS1 iomem=relaxed quiet\n")
    (tmp_path / "sys/bus/platform/drivers/bcm2835-mbox/3f00b880.mailbox").mkdir(parents=True)
    (tmp_path / "dev").mkdir()
    return tmp_path


def test_a_board_with_everything_is_ready(root: Path) -> None:
    Board(Paths(root)).check()


def test_what_is_missing_is_named_all_at_once(tmp_path: Path) -> None:
    with pytest.raises(SlotError) as caught:
        Board(Paths(tmp_path)).check()
    for what in ("mailbox", "page", "iomem=relaxed"):
        assert what in caught.value.message


def test_a_word_that_only_begins_so_is_not_the_word(root: Path) -> None:
    (root / "proc/cmdline").write_text("iomem=relaxed2\n")
    with pytest.raises(SlotError, match="iomem=relaxed on the kernel"):
        Board(Paths(root)).check()


def test_a_kernel_with_a_device_for_it_needs_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "dev").mkdir()
    (tmp_path / "dev/vcio").touch()
    Board(Paths(tmp_path)).check()


@pytest.mark.parametrize(("capabilities", "good"), [(0b1100, True), (0b1000, False), (0, False), (None, True)])
def test_an_eeprom_that_knows_no_a_and_b_is_refused(root: Path, capabilities: int | None, good: bool) -> None:
    """Boards without an EEPROM say nothing."""
    place = root / "proc/device-tree/chosen/bootloader"
    place.mkdir(parents=True)
    if capabilities is not None:
        (place / "capabilities").write_bytes(struct.pack(">I", capabilities))
    if good:
        Board(Paths(root)).check()
        return
    with pytest.raises(SlotError, match="too old") as caught:
        Board(Paths(root)).check()
    assert "EEPROM" in caught.value.hint


@pytest.mark.parametrize(
    ("facts", "move", "wanted"),
    [
        (Facts(RECORD, None, OLD, "boot-1", SLOTS, None), Move.REBOOT, True),
        (Facts(RECORD, None, OLD, "boot-1", SLOTS, None), Move.ARMED, True),
        (Facts(RECORD, None, NEW, "boot-2", SLOTS, None), Move.REBOOT, False),
        (Facts(RECORD, None, OLD, "boot-2", SLOTS, None), Move.ROLL_BACK, False),
        (Facts(RECORD, None, OLD, "boot-1", {}, None), Move.REBOOT, False),
        (Facts(RECORD, None, OLD, "boot-1", {"b": SlotStatus(tries=1)}, None), Move.REBOOT, False),
        (Facts(None, None, OLD, "boot-1", SLOTS, None), Move.WAIT, False),
    ],
    ids=["armed", "staged", "the try itself", "after the try", "slots unseen", "by boot entries", "nothing"],
)
def test_only_the_reboot_that_begins_a_try_carries_the_argument(facts: Facts, move: Move, wanted: bool) -> None:
    said = want_argument(facts, Decision(move))
    assert (said is not None) is wanted
    if said is not None:
        assert (said.argument, said.limit) == ("0 tryboot", tryboot.LIMIT)
        assert said.program == (sys.executable, "-I", "-S", tryboot_main.__file__)


def test_the_program_runs_by_path_and_says_why_it_could_not() -> None:
    """This machine is no Raspberry Pi; on one, this would set the flag of its firmware."""
    if mailbox.find_registers(Path("/sys")) is not None or Path("/dev/vcio").exists():
        pytest.skip("this machine has such a firmware")
    done = subprocess.run([sys.executable, "-I", "-S", tryboot_main.__file__], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "tryboot: the firmware was not told: the kernel shows no mailbox\n")
    assert done.stderr == ""
