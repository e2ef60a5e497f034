"""Nodes in one process, in either mode."""

from collections.abc import AsyncIterator

import pytest

from api.server.gate import Mode
from tests.harness.api_node import FakeNode, running_node


@pytest.fixture
async def fake() -> AsyncIterator[FakeNode]:
    """A node that serves nothing yet."""
    async with running_node() as node:
        yield node


@pytest.fixture
async def maintenance(fake: FakeNode) -> FakeNode:
    """A node in maintenance mode."""
    await fake.set_serving(Mode.MAINTENANCE)
    return fake


@pytest.fixture
async def secure(fake: FakeNode) -> FakeNode:
    """A node with mutual TLS."""
    await fake.set_serving(Mode.SECURE)
    return fake
