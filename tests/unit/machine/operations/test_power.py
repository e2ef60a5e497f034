"""Reboot and power-off: refused where etcd would lose its quorum, unless forced."""

from typing import Any

import pytest

from controllers.etcd import quorum
from controllers.etcd.quorum import QuorumFacts, Voter
from controllers.resources.machine import PowerRequest
from controllers.runtime.errors import OperationError

ALONE = QuorumFacts(serving=True, holds_data=True, own="a", members=(Voter(id="a"),))


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    async def gather(store: Any, patience: float) -> QuorumFacts:
        return ALONE

    monkeypatch.setattr(quorum, "gather_facts", gather)


@pytest.mark.parametrize("action", ["reboot", "poweroff"])
async def test_the_only_member_needs_force(table: Any, alone: None, action: str) -> None:
    with pytest.raises(OperationError, match="only member of etcd"):
        await table.call("power", action=action)
    assert await table.store.find(PowerRequest, "power") is None
    await table.call("power", action=action, force=True)
    assert (await table.store.get(PowerRequest, "power")).spec.action == action


async def test_the_same_request_again_is_fine(table: Any, alone: None) -> None:
    await table.call("power", action="reboot", force=True)
    await table.call("power", action="reboot")


async def test_a_node_without_etcd_needs_no_force(table: Any) -> None:
    await table.call("power", action="reboot")
    assert (await table.store.get(PowerRequest, "power")).spec == PowerRequest(action="reboot")
