"""What META says of an unfinished reset decides once per boot whether volumes are touched; a broken META decides, too."""

from typing import Any

import pytest

from controllers.lifecycle.reset_hold import META_SECONDS, ResetHoldController
from controllers.lifecycle.reset_record import render_record
from controllers.ports import Ports
from controllers.resources.meta import MetaStatus, MetaValue
from controllers.resources.reset import ResetHold
from controllers.runtime.errors import Waiting
from controllers.runtime.resource import Resource, new
from tests.harness.reconcile import run_reconcile
from tests.unit.lifecycle.test_reset_record import DISK, RECORD
from tests.unit.lifecycle.test_reset_record import change as changed

STATUS = new("meta", MetaStatus(place="/dev/vda5", durable=True))


def look(controller: ResetHoldController, text: str | None = None, own: ResetHold | None = None) -> ResetHold:
    resources: list[Resource[Any]] = [STATUS, *([new("reset", MetaValue(value=text))] if text is not None else [])]
    [wanted] = run_reconcile(controller, resources, own=[new("reset", own)] if own else [])
    assert isinstance(wanted.spec, ResetHold)
    return wanted.spec


def test_a_record_holds_and_none_does_not() -> None:
    controller = ResetHoldController(Ports())
    assert look(controller) == ResetHold()
    found = look(controller, render_record(RECORD))
    assert (found.held, found.state_stays) == (True, False)
    assert "ophite get resetstatus" in found.reason
    assert look(controller, changed(targets=[{"disk": {"path": DISK.disk.path, "serial": "b"}, "size": 1}])).state_stays


@pytest.mark.parametrize("text", ["", "{}", changed(format=2), changed(stage="cancelled")])
def test_one_that_is_refused_or_taken_back_never_keeps_a_node_from_booting(text: str) -> None:
    found = look(ResetHoldController(Ports()), text)
    assert not found.held
    assert ("refused" in found.reason) == ("cancelled" not in text)


def test_the_first_answer_holds_for_the_whole_boot() -> None:
    controller = ResetHoldController(Ports())
    held = ResetHold(held=True, reason="first")
    assert look(controller, own=held) == held
    free = ResetHold(reason="first")
    assert look(controller, render_record(RECORD), free) == free


def test_a_meta_that_cannot_be_read_is_waited_for_but_not_for_ever() -> None:
    controller = ResetHoldController(Ports(patience=2.0))
    for now in (1000.0, 1000.0 + 2 * META_SECONDS - 1):
        with pytest.raises(Waiting, match="META"):
            run_reconcile(controller, now=now)
    [wanted] = run_reconcile(controller, now=1000.0 + 2 * META_SECONDS)
    assert isinstance(wanted.spec, ResetHold)
    assert not wanted.spec.held
    assert "cannot be read" in wanted.spec.reason
