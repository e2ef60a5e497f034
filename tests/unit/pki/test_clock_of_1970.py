"""A machine without a clock: from 1970 over the build to the time that NTP says, with every certificate that was ever made."""

from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from controllers.config.parts import CertificateAndKey
from controllers.pki.api_certificate import ApiCertificateController
from controllers.pki.authority import PkiError, Request, fingerprint, issue, lifetime, load_authority, window
from controllers.pki.etcd_certificates import EtcdCertificatesController
from controllers.pki.kept import Kept
from controllers.pki.kubernetes_certificates import KubernetesCertificatesController
from controllers.ports import Paths, Ports
from controllers.resources.kubernetes import Nodename
from controllers.resources.machine import ConfigStatus, VersionInfo
from controllers.resources.network import HostnameStatus, NetworkStatus, TimeServerSpec
from controllers.resources.pki import ApiServing, Certificate, CertificateRoot, CertificateSANs
from controllers.resources.timesync import TimeStatus
from controllers.runtime.errors import NotFound
from controllers.runtime.resource import Resource
from controllers.timesync.floor import raise_clock
from controllers.timesync.packet import Sample
from controllers.timesync.timesync_apply import TimeSyncController
from tests.harness.clock import FakeClock
from tests.harness.engine import World
from tests.unit.pki.authorities import NOW, YEAR, make_ca

BUILT = NOW - YEAR // 2
CA = make_ca(not_before=NOW - 3600)
"""Made an hour ago, long after the image."""


class Board:
    """NodeClock and time server of a machine whose calendar is a fake clock's."""

    def __init__(self, clock: FakeClock) -> None:
        self.clock = clock

    def wall(self) -> float:
        return self.clock.wall()

    def step(self, offset: float) -> None:
        self.clock.set_wall(self.clock.wall() + offset)

    def slew(self, offset: float) -> None:
        self.step(offset)

    def mark_synchronised(self, error: float) -> None:
        """Nothing depends on it here."""

    async def query(self, server: str) -> Sample:
        return Sample(offset=NOW - self.wall(), delay=0.02, stratum=2, server_time=NOW)


class Node(World):
    """A control plane without a clock, from its first moment."""

    def __init__(self, root: Path, wall: float = 0.0) -> None:
        super().__init__()
        self.clock.set_wall(wall)
        paths = Paths(root)
        paths.release.parent.mkdir(parents=True)
        paths.release.write_text(f'{{"built": {BUILT}}}')
        ports, board = Ports(clock=self.clock, paths=paths), Board(self.clock)
        raise_clock(ports, board)
        self.engine.register(
            (
                TimeSyncController(ports, board, board.query),
                ApiCertificateController(ports, Kept()),
                EtcdCertificatesController(ports, Kept()),
                KubernetesCertificatesController(ports, Kept()),
            )
        )
        self.made: list[ApiServing | Certificate] = []

    async def certificates(self) -> list[Resource[Any]]:
        """Everything that there is now."""
        return [*await self.store.list(ApiServing), *await self.store.list(Certificate)]

    async def look(self) -> None:
        """Remember every certificate that is there now, and check what holds at all times."""
        for one in await self.certificates():
            self.made.append(one.spec)
            life = lifetime(one.spec.certificate)
            assert life.not_before < life.not_after
            assert life.not_after > NOW, f"{one.id} was made with an end in the past"

    async def configure(self, pair: CertificateAndKey = CA) -> None:
        """Apply a configuration, and what others make of it."""
        for name in ("os", "etcd", "kubernetes", "front-proxy"):
            await self.put(name, CertificateRoot(certificate=pair.crt, key=pair.key))
        for name in ("api", "etcd", "kubernetes"):
            await self.put(name, CertificateSANs(names=("localhost", "node1"), addresses=("10.0.0.2",)))
        await self.put("nodename", Nodename(nodename="node1"))
        await self.put("hostname", HostnameStatus(hostname="node1"))
        await self.put("config", ConfigStatus(complete=True))
        await self.look()

    async def reach_ntp(self) -> None:
        """The network is there."""
        await self.put("timeservers", TimeServerSpec(servers=("a",)))
        await self.put("status", NetworkStatus(address_ready=True))
        await self.look()

    async def serving(self) -> ApiServing:
        return (await self.get(ApiServing, "api")).spec


@pytest.fixture
def version() -> VersionInfo:
    return VersionInfo(version="1", kubernetes="1", kernel="6", board="raspberry-pi-4", arch="arm64", built=BUILT)


def is_valid(certificate: str, at: float) -> bool:
    life = lifetime(certificate)
    return life.not_before <= at <= life.not_after


async def test_from_1970_to_now(tmp_path: Path, version: VersionInfo) -> None:
    async with Node(tmp_path) as node:
        assert node.clock.wall() == BUILT
        await node.put("version", version)
        await node.put("config", ConfigStatus())
        await node.look()
        assert (await node.serving()).mode == "maintenance"
        assert is_valid((await node.serving()).certificate, NOW), "for a client whose clock is right"
        await node.configure()
        early = await node.serving()
        assert early.mode == "secure"
        assert is_valid(early.certificate, NOW)
        assert is_valid(early.certificate, node.clock.wall()), "by the node's own clock too, which was raised again"
        assert is_valid(CA.crt, node.clock.wall()), "so the administrator is believed before NTP is reached"
        with pytest.raises(NotFound):
            await node.get(Certificate, "etcd-server")
        await node.clock.advance(3600)
        assert not (await node.get(TimeStatus, "time")).spec.synced, "a guess is never believed"
        await node.reach_ntp()
        assert (await node.get(TimeStatus, "time")).spec.synced
        assert (await node.serving()).certificate != early.certificate, "its long life was a makeshift"
        for one in await node.certificates():
            assert is_valid(one.spec.certificate, NOW + 60)
        assert len(await node.store.list(Certificate)) == 11
        assert len(node.made) > 11


async def test_a_hardware_clock_that_is_wrong_and_believed(tmp_path: Path, version: VersionInfo) -> None:
    """Later than the build, earlier than the authority: whatever says that it is right is wrong."""
    async with Node(tmp_path, BUILT + 1000) as node:
        await node.put("version", version)
        await node.configure()
        await node.clock.advance(600)  # the time-out: the hardware clock is believed
        status = (await node.get(TimeStatus, "time")).spec
        assert (status.synced, status.source) == (True, "rtc")
        await node.look()
        assert await node.store.list(Certificate) == []
        waits = (await node.status("pki.EtcdCertificatesController")).waits_for
        assert "the clock to be set right" in waits
        assert (await node.serving()).mode == "secure", "the API can be asked why"
        await node.reach_ntp()
        assert len(await node.store.list(Certificate)) == 11


async def test_certificates_of_a_clock_that_was_ahead_are_replaced(tmp_path: Path, version: VersionInfo) -> None:
    async with Node(tmp_path, NOW + 2 * YEAR) as node:
        await node.put("version", version)
        await node.configure()
        await node.clock.advance(600)
        ahead = {one.id: fingerprint(one.spec.certificate) for one in await node.store.list(Certificate)}
        assert len(ahead) == 11
        await node.reach_ntp()
        for one in await node.certificates():
            assert is_valid(one.spec.certificate, NOW + 60)


@pytest.mark.parametrize("now", [0.0, BUILT])
def test_nothing_is_issued_that_would_end_before_its_authority_begins(now: float) -> None:
    with pytest.raises(PkiError, match="the clock is wrong: the authority was made on"):
        issue(load_authority(CA.crt, CA.key, "CA"), Request("node", server=True), window(now, 24 * 3600))


def test_a_clock_a_little_behind_its_authority_is_none_the_wiser() -> None:
    made = issue(load_authority(CA.crt, CA.key, "CA"), Request("node", server=True), window(NOW - 7200, YEAR))
    leaf: Any = x509.load_pem_x509_certificate(made.certificate.encode())
    assert leaf.not_valid_before_utc.timestamp() == NOW - 3600
