"""The power goes at random moments of installing, upgrading and writing: every time the node boots, with all it was told.

Two ways: QEMU is killed while the node writes; and from a log of one run's writes the disk is made as a power cut at any
moment could have left it, with what was not flushed lost or torn. `OPHITE_KILLS` says how many of each way,
`OPHITE_SEED` which.
"""

from __future__ import annotations

import re
import shutil
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from api.cli.verbs.apply_config import make_request
from api.client.errors import ClientError
from api.client.node import Node as Connection
from api.generated.meta_pb2 import MetaSetRequest, MetaSetResponse
from image import qemu
from image.run import run
from tests.harness import upgrades
from tests.harness.lifecycle import BOOT, STATIC, Node
from tests.harness.versions import BASE, GOOD, Version
from tests.harness.write_log import WriteLog, choose_cuts
from tests.vm.conftest import KILLS, Chance, MakeNode

pytestmark = [pytest.mark.vm, pytest.mark.soak, pytest.mark.timeout(8 * 3600)]

Build = Callable[[Version], Version]
MARK = re.compile(r"mark-\d+\.example")
DOCUMENTS = """
apiVersion: ophite/v1
kind: InstallConfig
disk: {match: {path: /dev/vda}}
wipe: true
---
apiVersion: ophite/v1
kind: ResolverConfig
searchDomains: [mark-0.example]
"""
KEY = "user.mark"
# The kills of the first way: two fifths while marks are written, the rest halved between upgrades and installations.
WRITE_KILLS = KILLS * 2 // 5
UPGRADE_KILLS = KILLS * 3 // 10
INSTALL_KILLS = KILLS - WRITE_KILLS - UPGRADE_KILLS
WRITING = 5.0  # seconds at most between the first write and the power cut
INSTALLING = 25.0  # the same for an installation
UPGRADING = 60.0
DONE = "already-installed"
BEGUN = ("running", "installed", DONE)


class Writer(threading.Thread):
    """Changes META and the configuration without a pause, counting up from `first`, until the node is gone.

    `done` is the last number that was accepted, 0 for none; `tried` the last one that was sent.
    """

    def __init__(self, node: Node, first: int) -> None:
        super().__init__(daemon=True)
        self._node = node
        self.tried, self.done = first, 0

    def run(self) -> None:
        """Count until the first failure."""
        with suppress(ConnectionError, ClientError):
            self._node.ask(self._count)

    def has_written(self) -> bool:
        """Was anything accepted?"""
        return self.done > 0

    def _count(self, connection: Connection) -> None:
        text = self._node.configuration.read_text()
        while True:
            self.tried += 1
            mark(connection, text, self.tried)
            self.done = self.tried


def mark(connection: Connection, text: str, number: int) -> None:
    """Write a number into META and into the configuration. In: the configuration with any number. Raises `ClientError`."""
    connection.call("MetaService.Set", MetaSetRequest(key=KEY, value=str(number)), MetaSetResponse)
    answer = connection.apply(make_request(MARK.sub(f"mark-{number}.example", text)))
    assert not answer.problems, answer


def find_marks(node: Node) -> tuple[int, int]:
    """The numbers in META and in the configuration."""
    (found,) = set(MARK.findall(node.read_configuration()))
    value = node.list("MetaValue").get(KEY, {}).get("value", "0")
    return int(value), int(found.removeprefix("mark-").removesuffix(".example"))


def normalize(text: str) -> str:
    """A configuration without its number."""
    return MARK.sub("mark-0.example", text)


def start_installed(node: Node) -> str:
    """Power a machine on from the image's own disk and configure it; the configuration, without its number."""
    node.power_on()
    node.wait("the API", node.find_addresses_in_maintenance, BOOT)
    node.apply(insecure=True)
    node.wait("the API with mutual TLS", node.find_version, BOOT)
    node.wait("META", lambda: node.list("MetaStatus"), BOOT)
    node.wait("a configuration on the disk", lambda: node.get("ConfigStatus", "config")["persisted"], BOOT)
    return normalize(node.read_configuration())


@pytest.fixture(scope="module")
def node(make_node: MakeNode, build: Build) -> Node:
    """A machine that runs the image's disk."""
    made = make_node("vm-cuts", build(BASE), disk=4096, command_line=STATIC)
    made.add_documents(DOCUMENTS)
    return made


@pytest.fixture(scope="module")
def whole(node: Node) -> str:
    """The configuration that must be there after every power cut, without its number."""
    return start_installed(node)


def test_configuration_and_meta_survive_kills(node: Node, whole: str, chance: Chance) -> None:
    moments = chance.stream("writes")
    number, before = 0, find_marks(node)
    for kill in range(WRITE_KILLS):
        writer = Writer(node, number)
        writer.start()
        node.wait("the first write", writer.has_written, BOOT)
        time.sleep(moments.uniform(0.0, WRITING))
        node.cut_power()
        writer.join(120)
        node.power_on()
        node.wait(f"the API after kill {kill} ({chance})", node.find_version, BOOT)
        assert normalize(node.read_configuration()) == whole, chance
        marks = find_marks(node)
        node.say(f"kill {kill + 1} of {WRITE_KILLS}: {before} before, {writer.done} accepted, {writer.tried} sent, {marks} now")
        for old, found in zip(before, marks, strict=True):
            assert max(old, writer.done) <= found <= writer.tried, (chance, kill)
        number, before = writer.tried, marks


def test_an_upgrade_survives_kills(node: Node, whole: str, build: Build, chance: Chance) -> None:
    moments = chance.stream("upgrades")
    versions = (build(BASE), build(GOOD))
    for kill in range(UPGRADE_KILLS):
        old = node.find_version()
        (new,) = (version for version in versions if version.number != old)
        upgrader = threading.Thread(target=try_to, args=(lambda new=new: upgrades.start(node, new.bundle),), daemon=True)
        upgrader.start()
        time.sleep(moments.uniform(0.0, UPGRADING))
        node.cut_power()
        upgrader.join(120)
        node.power_on()
        node.wait(f"the API after kill {kill} ({chance})", node.find_version, 2 * BOOT)
        assert node.find_version() in (old, new.number), (chance, kill)
        assert normalize(node.read_configuration()) == whole, (chance, kill)
        node.wait("an upgrade that is over", lambda: is_over(node), 3 * BOOT)
        node.say(f"kill {kill + 1} of {UPGRADE_KILLS} on the way from {old} to {new.number}: {node.find_version()} runs")


def test_an_installation_survives_kills(make_node: MakeNode, build: Build, chance: Chance) -> None:
    moments = chance.stream("installations")
    base = build(BASE)
    node = make_node("vm-cuts-install", base, blank=True, medium=base.iso, medium_first=True)
    node.add_documents(DOCUMENTS)
    for kill in range(INSTALL_KILLS):
        begin_installation(node)
        phase = find_phase(node)
        time.sleep(moments.uniform(0.0, INSTALLING))
        node.cut_power()
        node.say(f"kill {kill + 1} of {INSTALL_KILLS}: an installation that had been {phase} before")
    begin_installation(node)
    if find_phase(node) == DONE:
        node.cut_power()
    else:
        node.wait_for_installation()
    node.boot_disk()
    assert find_marks(node)[1] == 0, chance
    assert node.get("ConfigStatus", "config")["persisted"], chance


def test_power_cuts_that_lose_what_was_not_flushed(node: Node, whole: str, build: Build, chance: Chance) -> None:
    """One run is logged: numbers, then an upgrade up to its reboot. The disk before it and the log give every other disk."""
    qemu.stop(node.machine)
    before = node.machine.directory / "before.img"
    run(["cp", "--sparse=always", node.machine.disk_file, before])
    shutil.copyfile(node.machine.directory / "firmware.vars", node.machine.directory / "before.vars")
    logged = Node(node.cluster, replace(node.machine, writes=True, reboots=False), node.say)
    logged.power_on()
    logged.wait("the API", logged.find_version, BOOT)
    versions = (build(BASE), build(GOOD))
    numbers = find_marks(logged)
    text = logged.configuration.read_text()
    for number in range(max(numbers) + 1, max(numbers) + 4):
        logged.ask(partial(mark, text=text, number=number))
    (new,) = (version for version in versions if version.number != logged.find_version())
    try_to(lambda: upgrades.start(logged, new.bundle))
    logged.wait_until_off(upgrades.WRITE + BOOT)
    log = WriteLog.read(node.machine.directory / "disk.writes")
    node.say(f"{len(log.writes)} writes and flushes logged")
    cuts = choose_cuts(log, KILLS, chance.stream("cuts"))
    for index, entries in enumerate(cuts):
        restore(node, before)
        log.replay(node.machine.disk_file, entries, chance.stream(f"cut-{index}"))
        node.power_on()
        where = f"cut after {entries} of {len(log.writes)} ({chance})"
        node.wait(f"the API, {where}", node.find_version, 2 * BOOT)
        assert node.find_version() in [version.number for version in versions], where
        assert normalize(node.read_configuration()) == whole, where
        node.say(f"{index + 1} of {KILLS}: {where}: {node.find_version()} runs")
        node.cut_power()


def restore(node: Node, before: Path) -> None:
    """Bring the machine's files back to what they were when the log began."""
    run(["cp", "--sparse=always", before, node.machine.disk_file])
    shutil.copyfile(node.machine.directory / "before.vars", node.machine.directory / "firmware.vars")


def try_to(act: Callable[[], object]) -> None:
    """Do something that a power cut may interrupt."""
    try:
        act()
    except (AssertionError, OSError):
        return


def is_over(node: Node) -> bool:
    """Is no upgrade under way?"""
    status = upgrades.find_status(node)
    return not status or status["phase"] in upgrades.FINAL


def begin_installation(node: Node) -> None:
    """Boot the medium until something is written. A disk that a cut has left with a whole configuration goes on by itself."""
    node.machine = replace(node.machine, command_line=STATIC, reboots=False)
    node.power_on()
    node.wait("the API of the medium", lambda: is_waiting(node) or node.find_version(), BOOT)
    if is_waiting(node):
        node.apply(insecure=True)
    node.wait("an installation", lambda: find_phase(node) in BEGUN, BOOT)


def find_phase(node: Node) -> str:
    """How far the installation is; nothing while the node does not answer."""
    try:
        return str(node.get("InstallStatus", "install")["phase"])
    except (ConnectionError, KeyError):
        return ""


def is_waiting(node: Node) -> bool:
    """Does the API wait for a configuration?"""
    try:
        return bool(node.find_addresses_in_maintenance())
    except ConnectionError:
        return False
