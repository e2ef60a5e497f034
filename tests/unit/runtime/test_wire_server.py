"""Client and server over a real socket: calls, streams, limits, and either end going away."""

import asyncio
import os
import stat
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import pytest

from controllers.runtime import wire_server
from controllers.runtime.errors import NotFound, OperationError, Overrun, WireError
from controllers.runtime.memory import MemoryStore
from controllers.runtime.remote import RemoteStore, StoreService
from controllers.runtime.resource import Secret, Spec, new, replace
from controllers.runtime.wire import WINDOW, Method, Peer, encode_frame, read_frame
from controllers.runtime.wire_client import WireClient
from controllers.runtime.wire_server import WireServer
from tests.harness.clock import FakeClock

LIMIT = 10  # seconds of real time that one wait may take
T = TypeVar("T")
ME = frozenset({os.getuid()})


class Bell:
    """What the methods of these tests did."""

    def __init__(self) -> None:
        self.rung = 0
        self.changed = asyncio.Event()

    def ring(self) -> None:
        self.rung += 1
        self.changed.set()

    async def until(self, ready: Callable[[int], bool]) -> None:
        async with asyncio.timeout(LIMIT):
            while not ready(self.rung):
                self.changed.clear()
                await self.changed.wait()


class Pair:
    """A server and a client."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.sent = Bell()
        self.cancelled = Bell()
        self.server = WireServer(path, self.methods())
        self.client = WireClient(path, timeout=LIMIT)

    def methods(self) -> list[Method]:
        table: list[Any] = [self.echo, self.whoami, self.fail, self.hang, self.count, self.break_off, self.huge, self.nothing]
        return [Method(handler.__name__, handler, ME) for handler in table] + [Method("roots", self.echo, frozenset({12345}))]

    async def echo(self, params: Any, _: Peer) -> Any:
        return params

    async def whoami(self, _: Any, peer: Peer) -> Peer:
        return peer

    async def fail(self, params: Any, _: Peer) -> None:
        if params == "bug":
            raise ValueError("secret detail")
        raise NotFound("gone", "look elsewhere")

    async def hang(self, _: Any, __: Peer) -> None:
        try:
            self.sent.ring()
            await asyncio.Event().wait()
        finally:
            self.cancelled.ring()

    async def count(self, params: Any, _: Peer) -> AsyncIterator[int]:
        try:
            for number in range(params):
                yield number
                self.sent.ring()
        finally:
            self.cancelled.ring()

    async def break_off(self, _: Any, __: Peer) -> AsyncIterator[int]:
        yield 1
        raise OperationError("unavailable", "gone", "wait")

    async def huge(self, _: Any, __: Peer) -> bytes:
        return b"x" * (17 << 20)

    async def nothing(self, _: Any, __: Peer) -> AsyncIterator[int]:
        numbers: tuple[int, ...] = ()
        for number in numbers:
            yield number


@pytest.fixture
async def pair(tmp_path: Path) -> AsyncIterator[Pair]:
    pair = Pair(tmp_path / "test.sock")
    await pair.server.start()
    yield pair
    await pair.client.close()
    await pair.server.close()


async def within(work: Awaitable[T]) -> T:
    async with asyncio.timeout(LIMIT):
        return await work


async def test_a_call_and_its_answer(pair: Pair) -> None:
    assert await pair.client.call("echo", {"a": [1, b"\xff", None]}) == {"a": [1, b"\xff", None]}
    assert await pair.client.call("nothing") is None


async def test_the_kernel_says_who_calls(pair: Pair) -> None:
    assert await pair.client.call("whoami") == {"pid": os.getpid(), "uid": os.getuid(), "gid": os.getgid()}


async def test_calls_run_side_by_side(pair: Pair) -> None:
    hanging = asyncio.create_task(pair.client.call("hang"))
    await pair.sent.until(lambda rung: rung == 1)
    assert await asyncio.gather(*(pair.client.call("echo", n) for n in range(200))) == list(range(200))
    hanging.cancel()
    await pair.cancelled.until(lambda rung: rung == 1)


async def test_errors_arrive_as_what_they_were(pair: Pair, caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(NotFound, match=r"gone \(look elsewhere\)"):
        await pair.client.call("fail")
    assert not caplog.records
    with pytest.raises(OperationError, match="ValueError") as caught:
        await pair.client.call("fail", "bug")
    assert caught.value.code == "internal"
    assert "secret detail" not in str(caught.value)
    assert any(record.exc_info for record in caplog.records)


@pytest.mark.parametrize(("method", "code"), [("missing", "unimplemented"), ("roots", "permission_denied")])
async def test_what_may_not_be_called_is_refused(pair: Pair, method: str, code: str) -> None:
    with pytest.raises(OperationError) as caught:
        await pair.client.call(method)
    assert caught.value.code == code


async def test_a_stream_arrives_whole_and_in_order(pair: Pair) -> None:
    assert [item async for item in pair.client.stream("count", 1000)] == list(range(1000))


async def test_a_stream_may_end_with_an_error(pair: Pair) -> None:
    stream = pair.client.stream("break_off")
    assert await anext(stream) == 1
    with pytest.raises(OperationError, match="gone"):
        await anext(stream)


async def test_a_slow_reader_holds_up_its_own_stream_only(pair: Pair) -> None:
    stream = pair.client.stream("count", 10_000)
    assert await anext(stream) == 0
    await pair.sent.until(lambda rung: rung >= WINDOW)
    assert await pair.client.call("echo", 1) == 1
    assert pair.sent.rung <= WINDOW + 1
    assert [await anext(stream) for _ in range(500)] == list(range(1, 501))


async def test_leaving_a_stream_cancels_it(pair: Pair) -> None:
    stream = pair.client.stream("count", 10_000)
    assert await anext(stream) == 0
    await stream.aclose()  # type: ignore[attr-defined]  # an async generator is behind it
    await pair.cancelled.until(lambda rung: rung == 1)


async def test_an_answer_that_is_too_large_is_an_error_and_the_connection_lives(pair: Pair) -> None:
    with pytest.raises(WireError, match="too large"):
        await pair.client.call("huge")
    assert await pair.client.call("echo", 1) == 1


async def test_a_call_has_a_limit(pair: Pair) -> None:
    with pytest.raises(WireError, match=r"hang did not answer within 0.01 s"):
        await pair.client.call("hang", timeout=0.01)
    assert await pair.client.call("echo", 1) == 1  # sent after the cancellation: what had begun has ended by now
    assert pair.cancelled.rung == pair.sent.rung


async def test_a_call_that_is_given_up_ends_at_the_server(pair: Pair) -> None:
    hanging = asyncio.create_task(pair.client.call("hang", timeout=LIMIT))
    await pair.sent.until(lambda rung: rung == 1)
    hanging.cancel()
    await pair.cancelled.until(lambda rung: rung == 1)


async def test_a_lost_connection_fails_the_calls_and_the_next_one_connects_anew(pair: Pair) -> None:
    hanging = asyncio.create_task(pair.client.call("hang"))
    await pair.sent.until(lambda rung: rung == 1)
    await pair.server.close()
    with pytest.raises(WireError, match="closed"):
        await within(hanging)
    pair.server = WireServer(pair.path, pair.methods())
    waiting = asyncio.create_task(pair.client.call("echo", 5))
    await pair.server.start()
    assert await within(waiting) == 5


async def test_a_caller_that_goes_away_ends_its_calls(pair: Pair) -> None:
    hanging = asyncio.create_task(pair.client.call("hang"))
    await pair.sent.until(lambda rung: rung == 1)
    await pair.client.close()
    await pair.cancelled.until(lambda rung: rung == 1)
    with pytest.raises(WireError):
        await within(hanging)


async def test_nobody_there(tmp_path: Path) -> None:
    with pytest.raises(WireError, match=r"could not be reached within 0\.01 s: No such file"):
        await WireClient.connect(tmp_path / "none", timeout=0.01)


async def test_the_socket_is_for_those_it_is_meant_for(tmp_path: Path) -> None:
    path = tmp_path / "modes.sock"
    path.write_text("left by an earlier life")
    server = WireServer(path, [], mode=0o660, gid=os.getgid())
    await server.start()
    there = path.stat()
    assert stat.S_ISSOCK(there.st_mode)
    assert (stat.S_IMODE(there.st_mode), there.st_gid) == (0o660, os.getgid())
    await server.close()
    assert not path.exists()


async def raw(path: Path) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_unix_connection(path)


@pytest.mark.parametrize("noise", [b"GET / HTTP/1.1\r\n\r\n", b"\xff" * 64, encode_frame(["x", 1])])
async def test_noise_closes_the_connection_and_no_other(pair: Pair, noise: bytes) -> None:
    reader, writer = await raw(pair.path)
    writer.write(noise)
    assert await within(reader.read()) == b""
    writer.close()
    assert await pair.client.call("echo", 1) == 1


async def test_a_number_in_use_closes_the_connection(pair: Pair) -> None:
    reader, writer = await raw(pair.path)
    writer.write(encode_frame([1, "hang", None]) * 2)
    assert await within(reader.read()) == b""
    writer.close()


@pytest.mark.parametrize("message", [[9, "ack", 5], [9, "cancel", None], [1, "ack", -5], [1, "ack", "x"], [1, "ack", 10**9]])
async def test_strange_control_messages_do_nothing(pair: Pair, message: list[Any]) -> None:
    reader, writer = await raw(pair.path)
    writer.write(encode_frame([1, "count", 10_000]))
    for number in range(WINDOW):
        assert await within(read_frame(reader)) == [1, "item", number]
    writer.write(encode_frame(message) + encode_frame([2, "echo", "still here"]))
    items = 0
    while (answer := await within(read_frame(reader))) != [2, "item", "still here"]:
        assert answer is not None
        items += answer[0] == 1
    assert message[2] == 10**9 or items == 0
    assert items <= WINDOW
    writer.close()


async def test_calls_of_a_connection_are_limited(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire_server, "MAX_CALLS", 3)
    hanging = [asyncio.create_task(pair.client.call("hang")) for _ in range(3)]
    await pair.sent.until(lambda rung: rung == 3)
    with pytest.raises(OperationError) as caught:
        await pair.client.call("echo")
    assert caught.value.code == "resource_exhausted"
    for task in hanging:
        task.cancel()
    await pair.cancelled.until(lambda rung: rung == 3)
    assert await pair.client.call("echo", 1) == 1


async def test_connections_are_limited(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    assert await pair.client.call("echo", 1) == 1
    monkeypatch.setattr(wire_server, "MAX_CONNECTIONS", 1)
    reader, writer = await raw(pair.path)
    assert await within(reader.read()) == b""
    writer.close()


async def test_a_caller_that_never_reads_holds_up_nobody(pair: Pair) -> None:
    _, writer = await raw(pair.path)
    for number in range(20):
        writer.write(encode_frame([number, "echo", b"x" * 500_000]))
        await within(writer.drain())
    assert await within(pair.client.call("echo", 1)) == 1
    writer.transport.abort()


async def exhaust(items: AsyncIterator[Any]) -> None:
    async for _ in items:
        pass


class Vault(Spec, frozen=True, kw_only=True):
    """A resource with a secret."""

    namespace = "wire-test"
    key: Secret = ""
    number: int = 0


async def test_the_store_is_for_root_and_shows_no_secret_on_request(tmp_path: Path) -> None:
    store = MemoryStore(FakeClock())
    service = StoreService(store)
    methods = {method.name: method for method in service.methods(readers=frozenset({50}))}
    assert methods["store.get"].uids == methods["store.watch"].uids == {0, 50}
    assert methods["store.update"].uids == methods["store.add_finalizer"].uids == {0}
    await store.create(new("a", Vault(key="hunter2")))
    server = WireServer(tmp_path / "s", [Method(m.name, m.handler, ME) for m in methods.values()])
    await server.start()
    client = await WireClient.connect(tmp_path / "s")
    asked = {"type": "vaults", "id": "a", "redact": True}
    assert (await client.call("store.get", asked))["spec"]["key"] == "[redacted]"
    [listed] = [item async for item in client.stream("store.list", {"type": "vault", "redact": True})]
    assert listed["spec"]["key"] == "[redacted]"
    event = await anext(client.stream("store.watch", asked))
    assert event["resource"]["spec"]["key"] == "[redacted]"
    kinds = {item["name"]: item async for item in client.stream("store.types")}
    assert kinds["Vault"]["namespace"] == "wire-test"
    for params in (None, 5, {"type": "vault", "colour": 1}, {"type": 5}):
        with pytest.raises(OperationError) as caught:
            await client.call("store.get", params)
        assert caught.value.code == "invalid_argument"
    with pytest.raises(NotFound, match="no id"):
        await client.call("store.get", {"type": "vault"})
    await client.close()
    await server.close()


async def test_a_remote_watcher_that_falls_behind_is_told(tmp_path: Path) -> None:
    store = MemoryStore(FakeClock(), history=8)
    made = await store.create(new("a", Vault()))
    server = WireServer(tmp_path / "s", [Method(m.name, m.handler, ME) for m in StoreService(store).methods()])
    await server.start()
    client = await WireClient.connect(tmp_path / "s")
    watch = RemoteStore(client).watch(Vault)
    await anext(watch)
    for number in range(1, 500):
        made = await store.update(replace(made, Vault(number=number)))
    with pytest.raises(Overrun, match="missed"):
        await within(exhaust(watch))
    await client.close()
    await server.close()
