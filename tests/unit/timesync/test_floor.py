"""A clock that begins in 1970 is raised, remembered as a guess, and set right by NTP."""

from pathlib import Path
from typing import Any

import pytest

from controllers.config.documents import TimeSyncConfig
from controllers.ports import Paths, Ports
from controllers.resources.network import NetworkStatus, TimeServerSpec
from controllers.resources.pki import CertificateRoot
from controllers.resources.timesync import TimeStatus
from controllers.runtime.resource import Resource, new
from controllers.timesync.floor import ClockFloor, raise_clock
from controllers.timesync.packet import Sample
from controllers.timesync.timesync_apply import TimeSyncController
from tests.harness.reconcile import run_reconcile_async
from tests.unit.pki.authorities import make_ca

BUILT = 1_700_000_000
TRUE = 1_800_000_000
CA = make_ca(not_before=TRUE - 1000)


class Board:
    """The clock of a machine without a battery."""

    def __init__(self, root: Path, wall: float = 5.0) -> None:
        self.now = wall
        self.refuse = False
        self.paths = Paths(root)
        self.paths.release.parent.mkdir(parents=True)
        self.paths.release.write_text(f'{{"built": {BUILT}}}')

    def wall(self) -> float:
        return self.now

    def step(self, offset: float) -> None:
        if self.refuse:
            raise PermissionError(1, "Operation not permitted")
        self.now += offset

    def slew(self, offset: float) -> None:
        self.now += offset

    def mark_synchronised(self, error: float) -> None:
        """Nothing depends on it here."""

    async def query(self, server: str) -> Sample:
        return Sample(offset=TRUE - self.now, delay=0.02, stratum=2, server_time=TRUE)

    def brain(self) -> TimeSyncController:
        ports = Ports(paths=self.paths)
        raise_clock(ports, self)
        return TimeSyncController(ports, self, self.query)


async def status(controller: TimeSyncController, *, ntp: bool, network: bool = False) -> TimeStatus:
    given: list[Resource[Any]] = [
        new("default", TimeSyncConfig(enabled=ntp)),
        new("os", CertificateRoot(certificate=CA.crt, key="")),
        new("timeservers", TimeServerSpec(servers=("a",)), namespace="network"),
        *([new("status", NetworkStatus(address_ready=True))] if network else []),
    ]
    [wanted] = await run_reconcile_async(controller, given)
    assert isinstance(wanted.spec, TimeStatus)
    return wanted.spec


@pytest.fixture
def board(tmp_path: Path) -> Board:
    return Board(tmp_path)


def test_raised_to_the_build(board: Board) -> None:
    board.brain()
    assert board.now == BUILT
    assert ClockFloor(board.paths, board).guessed


@pytest.mark.parametrize("wall", [BUILT, BUILT + 1, TRUE])
def test_a_clock_that_may_be_right_is_left_alone(tmp_path: Path, wall: float) -> None:
    board = Board(tmp_path, wall)
    board.brain()
    assert board.now == wall
    assert not ClockFloor(board.paths, board).guessed


def test_in_namespaces_it_is_the_hosts(board: Board) -> None:
    raise_clock(Ports(paths=board.paths, cmdline={"ophite.platform": "namespaces"}), board)
    assert board.now == 5.0


async def test_a_guess_is_not_believed_however_long_it_runs(board: Board) -> None:
    controller = board.brain()
    board.now += 100_000
    found = await status(controller, ntp=False)
    assert (found.synced, found.source) == (False, "")
    assert "only NTP can set it" in found.error
    assert not (await status(board.brain(), ntp=False)).synced, "nor by the next brain"


async def test_the_authority_was_not_made_in_the_future(board: Board) -> None:
    controller = board.brain()
    await status(controller, ntp=False)
    assert board.now == TRUE - 1000 + 300, "the administrator's certificate of the same minute is valid now"


async def test_a_clock_that_is_no_guess_does_not_move_for_an_authority(tmp_path: Path) -> None:
    board = Board(tmp_path, BUILT + 10)
    found = await status(board.brain(), ntp=False)
    assert (board.now, found.source) == (BUILT + 10, "rtc")


async def test_ntp_ends_the_guess(board: Board) -> None:
    found = await status(board.brain(), ntp=True, network=True)
    assert (found.synced, board.now) == (True, TRUE)
    assert not ClockFloor(board.paths, board).guessed
    assert (await status(board.brain(), ntp=False)).source == "rtc", "from now on the kernel's clock counts"


async def test_a_kernel_that_refuses_and_an_authority_that_is_none(board: Board) -> None:
    board.refuse = True
    board.brain()
    floor = ClockFloor(board.paths, board)
    floor.raise_to_authority("rubbish")
    assert (board.now, floor.guessed) == (5.0, True), "not raised, and not believed"
