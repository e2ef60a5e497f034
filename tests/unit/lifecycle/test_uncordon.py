"""Pods may come again after every end of an upgrade, and the API is asked once for each."""

from typing import Any

import pytest

from controllers.lifecycle import uncordon
from controllers.lifecycle.drain import CORDONED
from controllers.lifecycle.uncordon import UncordonController
from controllers.ports import Ports
from controllers.resources.kubernetes import Nodename
from controllers.resources.lifecycle import UPGRADE, UpgradePhase, UpgradeStatus
from controllers.resources.services import ServiceHealth
from controllers.runtime.errors import Waiting
from controllers.runtime.resource import Resource, new
from controllers.services.health import API_SERVER
from tests.harness.reconcile import run_reconcile_async
from tests.unit.lifecycle.test_drain import FakeApi


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> FakeApi:
    fake = FakeApi()
    fake.node = {"metadata": {"annotations": {CORDONED: "true"}}, "spec": {"unschedulable": True}}
    monkeypatch.setattr(uncordon, "get_client", lambda view, patience: fake)
    return fake


def given(phase: UpgradePhase, request: str = "r1", healthy: bool = True) -> list[Resource[Any]]:
    return [
        new(UPGRADE, UpgradeStatus(phase=phase, request=request)),
        new("nodename", Nodename(nodename="n1")),
        new(API_SERVER, ServiceHealth(healthy=healthy)),
    ]


@pytest.mark.parametrize("phase", [UpgradePhase.COMMITTED, UpgradePhase.ROLLED_BACK, UpgradePhase.FAILED])
async def test_every_end_uncordons_once(api: FakeApi, phase: UpgradePhase) -> None:
    controller = UncordonController(Ports())
    await run_reconcile_async(controller, given(phase))
    assert api.node["spec"] == {}
    api.broken = "nobody should ask again"
    await run_reconcile_async(controller, given(phase))
    with pytest.raises(Waiting, match="nobody should ask"):
        await run_reconcile_async(controller, given(phase, request="r2"))


async def test_nothing_happens_before_the_end_or_without_an_upgrade(api: FakeApi) -> None:
    controller = UncordonController(Ports())
    for phase in (UpgradePhase.DRAINING, UpgradePhase.ARMED, UpgradePhase.VERIFYING):
        await run_reconcile_async(controller, given(phase))
    await run_reconcile_async(controller, given(UpgradePhase.COMMITTED)[1:])
    assert api.node["spec"] == {"unschedulable": True}


async def test_an_api_server_that_is_not_there_yet_is_waited_for(api: FakeApi) -> None:
    controller = UncordonController(Ports())
    with pytest.raises(Waiting, match="readyz"):
        await run_reconcile_async(controller, given(UpgradePhase.COMMITTED, healthy=False))
    api.broken = "503"
    with pytest.raises(Waiting, match="503"):
        await run_reconcile_async(controller, given(UpgradePhase.COMMITTED))
    api.broken = ""
    await run_reconcile_async(controller, given(UpgradePhase.COMMITTED))
    assert api.node["spec"] == {}
