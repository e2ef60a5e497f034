"""`ophite reset`: it asks before it destroys, and shows how far the node is until that goes away."""

from typing import Any

import pytest

from api.cli.lazy import Failure
from api.cli.verbs.reset import follow, make_request
from api.cli.waiting import NotReady
from api.client.errors import Refused, Unreachable
from api.generated.reset_pb2 import ResetRequest as Request
from controllers.resources.block import DiscoveredVolume, Disk
from controllers.resources.reset import AfterReset, ResetMode, ResetRequest
from controllers.runtime.resource import new
from tests.harness.api_node import FakeNode


@pytest.fixture
async def node(secure: FakeNode) -> FakeNode:
    """A node with a volume and a disk."""
    await secure.store.create(new("vda", Disk(path="/dev/vda", size=100, system=True)))
    await secure.store.create(new("vdb", Disk(path="/dev/vdb", size=100)))
    volume = DiscoveredVolume(path="/dev/vda6", size=1, parent="vda", partition_label="STATE", partition_uuid="u")
    await secure.store.create(new("vda6", volume))
    return secure


async def test_it_asks_and_takes_no_for_an_answer(node: FakeNode, ophite: Any) -> None:
    result = await ophite("reset", stdin="n\n")
    assert result.exit_code == 1
    assert "erase all of STATE (/dev/vda6)" in result.output
    assert "Destroy this on" in result.output
    assert await node.store.find(ResetRequest, "reset") is None
    assert (await ophite("reset", stdin="")).exit_code == 1


async def test_it_hands_everything_over(node: FakeNode, ophite: Any) -> None:
    words = ("--mode", "all", "--user-disks", "/dev/vdb", "--system-volumes", "STATE, META", "--no-graceful")
    result = await ophite("reset", *words, "--then", "maintenance", "--limit", "2m", "--force", "--no-wait", stdin="y\n")
    assert result.exit_code == 0, result.output
    request = (await node.store.get(ResetRequest, "reset")).spec
    wanted = ResetRequest(
        request=request.request,
        mode=ResetMode.ALL,
        system_volumes=("STATE", "META"),
        user_disks=("/dev/vdb",),
        graceful=False,
        then=AfterReset.MAINTENANCE,
        limit=120.0,
        force=True,
    )
    assert request == wanted


async def test_the_plain_one(node: FakeNode, ophite: Any) -> None:
    result = await ophite("reset", "--yes", "--no-wait")
    assert "is being reset" in result.output
    request = (await node.store.get(ResetRequest, "reset")).spec
    assert (request.mode, request.graceful, request.then, request.force) == (ResetMode.SYSTEM, True, AfterReset.REBOOT, False)


async def test_what_the_node_refuses_is_shown(node: FakeNode, ophite: Any) -> None:
    result = await ophite("reset", "--yes", "--mode", "all", "--user-disks", "/dev/sdz")
    assert result.exit_code == 1
    assert "there is no disk /dev/sdz" in result.output
    assert "/dev/vdb" in result.output


async def test_strangers_may_not(maintenance: FakeNode) -> None:
    with await maintenance.insecure() as node:
        import asyncio

        with pytest.raises(Refused, match="does not answer in maintenance mode"):
            await asyncio.to_thread(node.reset, Request())
    assert await maintenance.store.find(ResetRequest, "reset") is None


class Script:
    """A node that answers one thing after the other, and a clock."""

    def __init__(self, *answers: Any) -> None:
        self.answers, self.time, self.said = list(answers), 0.0, []  # type: ignore[var-annotated]  # texts

    def get(self, type_: str, id_: str) -> Any:
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return type("Resource", (), {"spec": answer})

    def now(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.time += seconds


def status(phase: str, step: str, request: str = "one", error: str = "") -> str:
    return f'{{"phase": "{phase}", "step": "{step}", "request": "{request}", "error": "{error}"}}'


def run(script: Script) -> list[str]:
    follow(script, "one", 60.0, script, script.said.append)  # type: ignore[arg-type]  # stands in for node and clock
    return list(script.said)


def test_it_follows_until_the_node_goes_away() -> None:
    away = Unreachable("refused", "")
    answers = (
        status("failed", "", "zero", "old"),
        Refused("not_found", "", ""),
        status("draining", "a"),
        status("stopping", "b"),
    )
    assert run(Script(*answers, away)) == ["draining: a", "stopping: b"]


def test_an_api_that_restarts_is_waited_for() -> None:
    away = Unreachable("refused", "")
    script = Script(status("draining", "a"), away, away, status("stopping", "b"), away)
    assert run(script) == ["draining: a", "refused", "refused", "stopping: b"]


def test_a_node_that_went_unseen_is_gone() -> None:
    script = Script(status("draining", "a"), Unreachable("refused", ""))
    assert set(run(script)) == {"draining: a", "refused"}
    assert 20 <= script.time < 30


def test_a_reset_that_fails_is_a_failure() -> None:
    with pytest.raises(Failure, match="the reset failed: etcd does not let this member go"):
        run(Script(status("failed", "", error="etcd does not let this member go")))


def test_a_node_that_never_goes_is_said() -> None:
    with pytest.raises(NotReady, match="still there after 60 s"):
        run(Script(status("stopping", "b")))


def test_other_refusals_end_it() -> None:
    with pytest.raises(Refused):
        run(Script(Refused("permission_denied", "no", "")))


def test_words_of_the_command_are_those_of_the_protocol() -> None:
    request = make_request("user-disks", "", " /dev/a ,,/dev/b", "poweroff")
    assert (request.mode, request.then) == (Request.MODE_USER_DISKS, Request.THEN_POWEROFF)
    assert (list(request.system_volumes), list(request.user_disks)) == ([], ["/dev/a", "/dev/b"])
