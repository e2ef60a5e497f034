"""Nodes in one process, and the command line against them."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from api.cli.root import cli
from api.server.gate import Mode
from controllers.config.clientconfig import ClientConfig, Context, render_client_config
from tests.harness.api_node import PATIENCE, FakeNode, running_node

Invoke = Callable[..., Result]
Ophite = Callable[..., Awaitable[Result]]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user without any file, in an empty directory."""
    for name in ("OPHITECONFIG", "KUBECONFIG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def invoke(home: Path) -> Invoke:
    """Runs `ophite` with arguments. A bug's traceback is raised, not swallowed."""

    def call(*words: str, stdin: str | None = None) -> Result:
        result = CliRunner().invoke(cli, words, input=stdin)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return call


@pytest.fixture
async def fake() -> AsyncIterator[FakeNode]:
    """A node that serves nothing yet."""
    async with running_node() as node:
        yield node


@pytest.fixture
async def secure(fake: FakeNode) -> FakeNode:
    """A node with mutual TLS."""
    await fake.set_serving(Mode.SECURE)
    return fake


@pytest.fixture
async def maintenance(fake: FakeNode) -> FakeNode:
    """A node in maintenance mode."""
    await fake.set_serving(Mode.MAINTENANCE)
    return fake


@pytest.fixture
def ophite(fake: FakeNode, home: Path, invoke: Invoke) -> Ophite:
    """Runs `ophite` as the administrator of the fake node, while the node runs."""
    pair = fake.authority.client("os:admin")

    async def call(*words: str, stdin: str | None = None) -> Result:
        address = str(fake.address)
        context = Context(endpoints=(address,), nodes=(address,), ca=fake.authority.pem, crt=pair.certificate, key=pair.key)
        path = home / "ophiteconfig"
        path.write_text(render_client_config(ClientConfig(context="fake", contexts={"fake": context})))
        async with asyncio.timeout(PATIENCE):
            return await asyncio.to_thread(invoke, "--ophiteconfig", str(path), *words, stdin=stdin)

    return call
