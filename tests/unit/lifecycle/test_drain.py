"""Emptying a node: what moves, what stays, what forbids it, and that it ends in time."""

import asyncio
from typing import Any

import pytest

from controllers.lifecycle.drain import BLOCKED, CORDONED, LOOK_INTERVAL, drain, is_movable, uncordon
from controllers.services.errors import RequestError
from tests.harness.clock import FakeClock


class FakeApi:
    """A cluster with one node. Pods in `budgets` may not leave; a pod that was asked leaves after `grace` looks."""

    def __init__(self, *pods: dict[str, Any], grace: int = 1) -> None:
        self.node: dict[str, Any] = {"metadata": {"annotations": {}}, "spec": {}}
        self.pods = list(pods)
        self.budgets: set[str] = set()
        self.asked: list[str] = []
        self.broken = ""
        self._grace = grace
        self._ending: dict[str, int] = {}

    async def find_node(self, name: str) -> dict[str, Any] | None:
        self._check()
        return self.node if name == "n1" else None

    async def patch_node(self, name: str, patch: dict[str, Any]) -> None:
        self._check()
        for part, values in (("metadata", patch["metadata"]["annotations"]), ("spec", patch["spec"])):
            target = self.node["metadata"]["annotations"] if part == "metadata" else self.node["spec"]
            for key, value in values.items():
                target.pop(key, None) if value is None else target.update({key: value})

    async def list_pods(self, node: str) -> list[dict[str, Any]]:
        self._check()
        for pod in list(self.pods):
            name = pod["metadata"]["name"]
            if name in self._ending:
                self._ending[name] -= 1
                if self._ending[name] < 0:
                    self.pods.remove(pod)
        return self.pods

    async def evict(self, namespace: str, name: str) -> bool:
        self._check()
        if name in self.budgets:
            return False
        self.asked.append(f"{namespace}/{name}")
        pod = next(one for one in self.pods if one["metadata"]["name"] == name)
        pod["metadata"]["deletionTimestamp"] = "now"
        self._ending[name] = self._grace
        return True

    def _check(self) -> None:
        if self.broken:
            raise RequestError(self.broken)


def pod(name: str, *, kind: str = "ReplicaSet", phase: str = "Running", mirror: bool = False) -> dict[str, Any]:
    return {
        "metadata": {
            "namespace": "default",
            "name": name,
            "ownerReferences": [{"kind": kind, "controller": True}],
            "annotations": {"kubernetes.io/config.mirror": "x"} if mirror else None,
        },
        "status": {"phase": phase},
    }


async def run(api: FakeApi, clock: FakeClock, limit: float = 60.0) -> tuple[tuple[str, ...], list[str]]:
    said: list[str] = []
    task = asyncio.create_task(drain(api, "n1", limit, clock, lambda text, fraction: said.append(text)))
    await clock.advance(limit + LOOK_INTERVAL)
    assert task.done(), "a drain ends within its limit"
    return task.result(), said


@pytest.mark.parametrize(
    ("one", "movable"),
    [
        (pod("app"), True),
        (pod("job", kind="Job"), True),
        (pod("log", kind="DaemonSet"), False),
        (pod("api", mirror=True), False),
        (pod("done", phase="Succeeded"), False),
        (pod("bad", phase="Failed"), False),
        ({"metadata": {"name": "bare"}}, True),
    ],
)
def test_what_a_drain_moves(one: dict[str, Any], movable: bool) -> None:
    assert is_movable(one) is movable


async def test_pods_are_asked_once_and_the_node_is_cordoned_first() -> None:
    api = FakeApi(pod("app"), pod("log", kind="DaemonSet"), pod("api", mirror=True))
    left, said = await run(api, FakeClock())
    assert left == ()
    assert api.asked == ["default/app"]
    assert api.node["spec"]["unschedulable"] is True
    assert [one["metadata"]["name"] for one in api.pods] == ["log", "api"]
    assert said[0].startswith("waits for 1 pods: default/app")


async def test_a_budget_is_respected_until_it_allows_it() -> None:
    api, clock = FakeApi(pod("app")), FakeClock()
    api.budgets = {"app"}
    task = asyncio.create_task(drain(api, "n1", 60.0, clock, lambda text, fraction: None))
    await clock.advance(10.0)
    assert not task.done()
    assert api.asked == []
    api.budgets = set()
    await clock.advance(10.0)
    assert task.result() == ()


async def test_what_will_not_go_is_named_at_the_limit() -> None:
    api = FakeApi(pod("app"), pod("slow"), grace=1000)
    api.budgets = {"app"}
    left, _ = await run(api, FakeClock())
    assert left == (f"default/app: {BLOCKED}", "default/slow: is ending")


async def test_an_api_that_does_not_answer_is_the_reason() -> None:
    api = FakeApi()
    api.broken = "connection refused"
    left, _ = await run(api, FakeClock())
    assert left == ("connection refused",)


async def test_uncordon_takes_back_only_what_we_did() -> None:
    api = FakeApi()
    await run(api, FakeClock())
    assert CORDONED in api.node["metadata"]["annotations"]
    assert await uncordon(api, "n1")
    assert api.node == {"metadata": {"annotations": {}}, "spec": {}}
    assert not await uncordon(api, "n1"), "nothing is left to take back"


async def test_a_node_that_somebody_else_cordoned_stays_cordoned() -> None:
    api = FakeApi()
    api.node["spec"]["unschedulable"] = True
    await run(api, FakeClock())
    assert not await uncordon(api, "n1")
    assert api.node["spec"]["unschedulable"] is True


async def test_an_unknown_node_is_said() -> None:
    api, clock = FakeApi(), FakeClock()
    task = asyncio.create_task(drain(api, "n2", 5.0, clock, lambda text, fraction: None))
    await clock.advance(10.0)
    assert task.result() == ("the cluster does not know the node n2",)
