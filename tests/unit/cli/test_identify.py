"""`ophite identify`, against a real server in this process."""

from typing import Any

from controllers.resources.hardware import IdentifyRequest, LedStatus
from controllers.runtime.resource import new
from tests.harness.api_node import FakeNode


async def test_identify(secure: FakeNode, ophite: Any) -> None:
    await secure.store.create(new("ACT", LedStatus(locates=True)))
    assert (await ophite("identify", "--for", "2m")).output.endswith(": ACT blink for 120 s\n")
    assert (await secure.store.get(IdentifyRequest, "identify")).spec.until > 0
    assert (await ophite("identify", "--off")).output.endswith(": ACT as before\n")
    assert (await secure.store.get(IdentifyRequest, "identify")).spec.until == 0


async def test_refusals_come_with_a_hint(secure: FakeNode, ophite: Any) -> None:
    result = await ophite("identify")
    assert result.exit_code == 1
    assert "no LED that it could be found by" in result.output
    assert "hint: it has none at all" in result.output
    assert (await ophite("identify", "--for", "0")).exit_code == 2
    await secure.store.create(new("ACT", LedStatus(locates=True)))
    assert "at most 3600 s" in (await ophite("identify", "--for", "2h")).output
