"""The etcd of the tests, held to what the real one does (the same checks: tests/kernel/services/test_etcd.py)."""

from tests.harness.clock import FakeClock
from tests.harness.fake_etcd import Cluster, check_keys


async def test_the_fake_does_what_etcd_does() -> None:
    clock = FakeClock()
    await check_keys(Cluster(clock).client(), clock.advance)
