"""Bootstrap is refused by name in every case where it would destroy or double a cluster."""

from typing import Any

import msgspec
import pytest

from controllers.config.documents import EtcdConfig, MachineConfig, MachineType
from controllers.etcd.bootstrap import BootstrapFacts, check_bootstrap, find_refusal, gather_facts
from controllers.resources.kubernetes import EtcdBootstrap, EtcdData
from controllers.resources.machine import ConfigStatus, MachineStage, Stage
from controllers.resources.services import ServiceStatus
from controllers.resources.timesync import TimeStatus
from controllers.runtime.errors import OperationError
from controllers.runtime.memory import MemoryStore
from controllers.runtime.resource import Resource, new, replace
from tests.harness.clock import FakeClock

EMPTY = EtcdData(initialized=False, path="/var/lib/etcd")
READY = BootstrapFacts(
    stage=Stage.STARTING, complete=True, type=MachineType.CONTROL_PLANE, etcd_ca=True, synced=True, data=EMPTY
)


def test_a_fresh_control_plane_may() -> None:
    assert find_refusal(READY) is None


@pytest.mark.parametrize(
    ("change", "reason", "code"),
    [
        ({"stage": None}, "still booting", "failed_precondition"),
        ({"stage": Stage.BOOTING}, "still booting", "failed_precondition"),
        ({"stage": Stage.SHUTTING_DOWN}, "shutting down", "failed_precondition"),
        ({"stage": Stage.MAINTENANCE}, "no complete configuration", "failed_precondition"),
        ({"complete": False}, "no complete configuration", "failed_precondition"),
        ({"type": None}, "no complete configuration", "failed_precondition"),
        ({"type": MachineType.WORKER}, "a worker", "failed_precondition"),
        ({"etcd_ca": False}, "no etcd certificate authority", "failed_precondition"),
        ({"data": None}, "does not know yet", "failed_precondition"),
        ({"data": EtcdData(initialized=True, path="/var/lib/etcd")}, "/var/lib/etcd is not empty", "failed_precondition"),
        ({"requested": True}, "requested already", "already_exists"),
        ({"running": True}, "requested already", "already_exists"),
        ({"synced": False}, "the clock is not set", "failed_precondition"),
    ],
)
def test_refusals(change: dict[str, Any], reason: str, code: str) -> None:
    refusal = find_refusal(msgspec.structs.replace(READY, **change))
    assert refusal is not None
    assert reason in refusal.message
    assert refusal.hint
    assert refusal.code == code


async def test_facts_come_from_the_store() -> None:
    store = MemoryStore(FakeClock())
    with pytest.raises(OperationError, match="still booting"):
        await check_bootstrap(store)
    resources: list[Resource[Any]] = [
        new("machine", MachineStage(stage=Stage.STARTING)),
        new("config", ConfigStatus(complete=True)),
        new("default", MachineConfig(type=MachineType.CONTROL_PLANE)),
        new("default", EtcdConfig.example()),
        new("time", TimeStatus(synced=True)),
        new("data", EMPTY),
    ]
    for resource in resources:
        await store.create(resource)
    assert await gather_facts(store) == READY
    await check_bootstrap(store)
    stopped = await store.create(new("etcd", ServiceStatus(state="finished")))
    await check_bootstrap(store)
    await store.update(replace(stopped, ServiceStatus(state="running")))
    with pytest.raises(OperationError, match="requested already"):
        await check_bootstrap(store)
    await store.teardown(ServiceStatus, "etcd")
    await store.destroy(ServiceStatus, "etcd")
    await store.create(new("bootstrap", EtcdBootstrap(requested=1.0)))
    with pytest.raises(OperationError, match="requested already"):
        await check_bootstrap(store)
