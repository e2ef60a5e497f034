"""The table that goes to PID 1, above all what a brain that has just started must not do."""

import builtins
import json
from typing import Any

import pytest

from controllers.ports import Ports
from controllers.resources.services import ServiceSpec
from controllers.runtime.errors import Waiting
from controllers.runtime.resource import Resource, new
from controllers.services.errors import ControlError
from controllers.services.supervisor import ServiceState, Supervisor
from controllers.services.supervisor_apply import RESTART_ON, SupervisorApplyController, render_service
from init.services import decode_table
from tests.harness.reconcile import run_reconcile_async


class FakePid1(Supervisor):
    """Remembers what it was told."""

    def __init__(self, *running: str) -> None:
        self.running = running
        self.tables: builtins.list[tuple[builtins.list[str], builtins.list[str]]] = []
        self.broken = False

    async def list(self) -> "builtins.list[ServiceState]":
        return [ServiceState(id=id_, state="running") for id_ in self.running]

    async def apply(self, services: Any, keep: Any = ()) -> "builtins.list[str]":
        if self.broken:
            raise ControlError("gone")
        self.tables.append((sorted(one["id"] for one in services), sorted(keep)))
        return []


def service(name: str) -> Resource[ServiceSpec]:
    return new(name, ServiceSpec(argv=(f"/usr/bin/{name}",), cgroup=f"ophite/{name}"))


async def test_what_ran_before_the_brain_is_kept_until_its_spec_was_seen() -> None:
    pid1 = FakePid1("controllers", "api", "containerd", "etcd")
    controller = SupervisorApplyController(Ports(), pid1)
    for specs in ([], [service("etcd")], [service("etcd"), service("containerd")], [service("containerd")]):
        await run_reconcile_async(controller, specs)
    assert pid1.tables == [
        ([], ["containerd", "etcd"]),
        (["etcd"], ["containerd"]),
        (["containerd", "etcd"], []),
        (["containerd"], []),
    ]


async def test_a_table_that_failed_does_not_forget_what_was_adopted() -> None:
    pid1 = FakePid1("etcd")
    controller = SupervisorApplyController(Ports(), pid1)
    pid1.broken = True
    with pytest.raises(Waiting, match="PID 1: gone"):
        await run_reconcile_async(controller, [])
    pid1.broken = False
    await run_reconcile_async(controller, [])
    assert pid1.tables == [([], ["etcd"])]


def test_restart_on_becomes_a_hash_in_the_environment() -> None:
    spec = ServiceSpec(argv=("/x",), cgroup="ophite/x", env={"A": "b"}, restart_on=("1", "2"))
    other = ServiceSpec(argv=("/x",), cgroup="ophite/x", env={"A": "b"}, restart_on=("1", "3"))
    assert render_service("x", spec)["env"]["A"] == "b"
    assert render_service("x", spec)["env"][RESTART_ON] != render_service("x", other)["env"][RESTART_ON]
    assert "restart_on" not in render_service("x", spec)


def test_pid1_takes_what_is_rendered() -> None:
    spec = ServiceSpec(argv=("/usr/bin/x",), cgroup="ophite/x", capabilities=(), restart_on=("1",))
    table = decode_table(json.loads(json.dumps([render_service("x", spec)])))
    assert tuple(table["x"].argv) == ("/usr/bin/x",)
