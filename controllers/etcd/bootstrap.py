"""May this node create a new etcd cluster? Everything that would destroy one, or make a second, is refused by name.

`check_bootstrap` gathers the facts from the store; `find_refusal` judges them and is pure.
"""

import msgspec

from controllers.config.documents import EtcdConfig, MachineConfig, MachineType
from controllers.resources.kubernetes import EtcdBootstrap, EtcdData
from controllers.resources.machine import ConfigStatus, MachineStage, Stage
from controllers.resources.services import ServiceStatus
from controllers.resources.timesync import TimeStatus
from controllers.runtime.errors import OperationError
from controllers.runtime.store import Store


class BootstrapFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What the decision needs; None where the node does not know yet."""

    stage: Stage | None = None
    complete: bool = False
    type: MachineType | None = None
    etcd_ca: bool = False
    synced: bool = False
    data: EtcdData | None = None
    requested: bool = False
    running: bool = False


def find_refusal(facts: BootstrapFacts) -> OperationError | None:
    """Return why the node must not bootstrap, or None when it may. The first reason that a user can act on."""
    if facts.stage in (None, Stage.BOOTING):
        return _refuse("the node is still booting", "wait until `ophite get machinestatus` shows another stage")
    if facts.stage is Stage.SHUTTING_DOWN:
        return _refuse("the node is shutting down", "bootstrap it after it is back")
    if facts.stage is Stage.MAINTENANCE or not facts.complete or facts.type is None:
        return _refuse("the node has no complete configuration", "apply one first: `ophite apply-config --insecure`")
    if facts.type is not MachineType.CONTROL_PLANE:
        return _refuse("the node is a worker", "bootstrap one control-plane node, workers join by themselves")
    if not facts.etcd_ca:
        return _refuse("the configuration has no etcd certificate authority", "add EtcdConfig.ca with its key")
    return _find_data_refusal(facts)


def _find_data_refusal(facts: BootstrapFacts) -> OperationError | None:
    """Return the refusals that depend on what is on the disk and on what was asked before."""
    if facts.data is None:
        return _refuse("the node does not know yet whether it holds etcd data", "see `ophite get etcddata` and `volumestatus`")
    if facts.data.initialized:
        return _refuse(
            f"{facts.data.path} is not empty: this node is, or was, a member of a cluster",
            "there is nothing to do if the cluster is the one you want; a new one needs an empty node",
        )
    if facts.requested or facts.running:
        return _refuse("bootstrap was requested already", "watch it with `ophite health`", code="already_exists")
    if not facts.synced:
        return _refuse("the clock is not set: certificates would be signed for a wrong time", "see `ophite get timestatus`")
    return None


async def check_bootstrap(store: Store) -> None:
    """Raise `OperationError` (`failed_precondition` or `already_exists`) with reason and fix when bootstrap is refused.

    The caller then creates `EtcdBootstrap/bootstrap`.
    """
    refusal = find_refusal(await gather_facts(store))
    if refusal is not None:
        raise refusal


async def gather_facts(store: Store) -> BootstrapFacts:
    """Return what the store knows."""
    stage = await store.find(MachineStage, "machine")
    config = await store.find(ConfigStatus, "config")
    machine = await store.find(MachineConfig, "default")
    etcd = await store.find(EtcdConfig, "default")
    time = await store.find(TimeStatus, "time")
    data = await store.find(EtcdData, "data")
    service = await store.find(ServiceStatus, "etcd")
    return BootstrapFacts(
        stage=stage.spec.stage if stage else None,
        complete=bool(config and config.spec.complete),
        type=machine.spec.type if machine else None,
        etcd_ca=bool(etcd and etcd.spec.ca.crt and etcd.spec.ca.key),
        synced=bool(time and time.spec.synced),
        data=data.spec if data else None,
        requested=await store.find(EtcdBootstrap, "bootstrap") is not None,
        running=bool(service and service.spec.state != "finished"),
    )


def _refuse(message: str, hint: str, code: str = "failed_precondition") -> OperationError:
    return OperationError(code, f"bootstrap refused: {message}", hint)
