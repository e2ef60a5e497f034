"""The control socket: one JSON object per SOCK_SEQPACKET packet, root only (docs/architecture.md, "Control socket").

Nobody can hold PID 1 up: sockets do not block, sizes and numbers are bounded, a watcher that does not read is disconnected, and
a log reader is served from the ring at its own pace.
"""

import json
import os
import socket
import struct
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from init.events import READ, WRITE
from init.linux.power import PowerAction
from init.process import Service
from init.services import BOOLEAN, RULES, ControlError, Rule, decode_fields, decode_table, number, one_of, seconds, text
from init.shutdown import Last

if TYPE_CHECKING:
    from init.supervisor import Supervisor

MAX_PACKET = 131072  # bytes of a request
MAX_CONNECTIONS = 64
LOG_PACKET = 16384  # bytes of output in one packet


def _last(value: object) -> Last | None:
    problems: list[str] = []
    fields = decode_fields(value, {"argv": RULES["argv"], "limit": seconds(86400)}, ("argv", "limit"), "", problems)
    return None if problems else Last(**fields)


LAST = Rule(_last, "not an object of argv, as of a service, and limit, 0 to 86400 s")
LIST = Rule(lambda value: value if isinstance(value, list) else None, "not a list")
ARGUMENT = text(lambda value: value.isascii() and value.isprintable() and len(value) <= 64, "not up to 64 printable characters")
OPS: dict[str, tuple[tuple[str, ...], dict[str, Rule]]] = {  # what each op needs, and all that it may have
    "apply": (("services",), {"services": LIST, "keep": LIST}),
    "list": ((), {}),
    "watch": ((), {"drain": BOOLEAN}),
    "logs": (("id",), {"id": RULES["id"], "follow": BOOLEAN, "tail_bytes": number(0, 1 << 40)}),
    "restart": (("id",), {"id": RULES["id"]}),
    "power": (("action",), {"action": one_of(PowerAction), "last": LAST, "argument": ARGUMENT, "force": BOOLEAN}),
    "drained": ((), {}),
}


class Connection:
    """One client; after `watch` or `logs` it only receives."""

    def __init__(self, server: "ControlServer", client: socket.socket) -> None:
        self.server, self.socket = server, client
        self.watching, self.drains = False, False
        self.logs: Service | None = None
        self._position, self._follow = 0, False
        server.supervisor.loop.watch(client.fileno(), READ, self._receive)

    def send(self, message: dict[str, Any]) -> None:
        """Send one packet; a client that cannot take it is disconnected."""
        try:
            self.socket.send(json.dumps(message).encode(), socket.MSG_NOSIGNAL)
        except OSError:
            self.close()

    def close(self) -> None:
        """Forget the client."""
        if self in self.server.connections:
            self.server.connections.remove(self)
            self.server.supervisor.loop.forget(self.socket.fileno())
            if self.logs and self.pump in self.logs.on_output:
                self.logs.on_output.remove(self.pump)
            self.socket.close()

    def show(self, service: Service, *, follow: bool, tail: int) -> None:
        """Make this the reader of a service's output, from the last `tail` bytes (0 = all that is kept) on."""
        self.logs, self._follow, self._position = service, follow, service.ring.tail(tail)
        service.on_output.append(self.pump)

    def pump(self) -> None:
        """Send what the client takes; the rest when it can take more."""
        loop, service = self.server.supervisor.loop, self.logs
        if service is None:
            return
        try:
            while self._position != service.ring.end:
                data, position = service.ring.read(self._position, LOG_PACKET)
                self.socket.send(data, socket.MSG_NOSIGNAL)
                self._position = position
        except BlockingIOError:
            loop.watch(self.socket.fileno(), READ | WRITE, self._ready)
            return
        except OSError:
            self.close()
            return
        loop.watch(self.socket.fileno(), READ, self._receive)
        if not self._follow:
            self.close()

    def finish(self) -> None:
        """The service has left: send the rest and end."""
        self._follow = False
        self.pump()

    def _ready(self) -> None:
        self._receive()
        if self in self.server.connections:
            self.pump()

    def _receive(self) -> None:
        try:
            data, _, flags, _ = self.socket.recvmsg(MAX_PACKET, 0)
        except BlockingIOError:
            return
        except OSError:
            data, flags = b"", 0
        if not data:
            self.close()
        elif self.logs is None:
            self.send(self.server.answer(self, data, truncated=bool(flags & socket.MSG_TRUNC)))
            self.server.after_answer(self)


class ControlServer:
    """Listens, decodes requests and answers them."""

    def __init__(self, supervisor: "Supervisor", path: str) -> None:
        self.supervisor, self.path = supervisor, path
        self.connections: list[Connection] = []
        self._power: Callable[[], None] | None = None
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)

    def listen(self) -> None:
        """Open the socket for root alone."""
        with suppress(FileNotFoundError):
            os.unlink(self.path)
        self._listener.bind(self.path)
        os.chmod(self.path, 0o600)
        self._listener.listen(16)
        self.supervisor.loop.watch(self._listener.fileno(), READ, self._accept)

    def publish(self, service: Service) -> None:
        """Tell the watchers that a service is in another state."""
        self.broadcast({"service": service.describe()})

    def broadcast(self, message: dict[str, Any]) -> None:
        """Send a packet to every watcher."""
        for connection in [connection for connection in self.connections if connection.watching]:
            connection.send(message)

    def finish_logs(self, service: Service) -> None:
        """End the logs of a service that has left."""
        for connection in [connection for connection in self.connections if connection.logs is service]:
            connection.finish()

    def _accept(self) -> None:
        client, _ = self._listener.accept()
        client.setblocking(False)
        uid = struct.unpack("3i", client.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[1]
        if uid != 0 or len(self.connections) >= MAX_CONNECTIONS:
            client.close()
            return
        self.connections.append(Connection(self, client))

    def answer(self, connection: Connection, data: bytes, *, truncated: bool) -> dict[str, Any]:
        """Carry out one request; never raises."""
        try:
            if truncated:
                raise ControlError(f"the request is longer than {MAX_PACKET} bytes", "send fewer or smaller services")
            return {"ok": True, **self._perform(connection, _decode(data))}
        except ControlError as error:
            return {"ok": False, "error": str(error), "hint": error.hint}
        except Exception as error:  # a bug in one request must not reach the others
            self.supervisor.log.exception("control request", error)
            return {"ok": False, "error": f"internal error: {error}", "hint": "the kernel log has the details"}

    def after_answer(self, connection: Connection) -> None:
        """What a request starts only once it is answered."""
        if connection.logs:
            connection.pump()
        if self._power:
            power, self._power = self._power, None
            power()

    def _perform(self, connection: Connection, request: dict[str, Any]) -> dict[str, Any]:
        supervisor, op = self.supervisor, request["op"]
        if op == "apply":
            keep = frozenset(str(id) for id in request.get("keep", []))
            return {"changed": supervisor.apply(decode_table(request["services"]), keep)}
        if op == "restart":
            supervisor.find(request["id"]).stop(leaving=False)
        elif op == "power":
            self._power = partial(supervisor.power, **{name: value for name, value in request.items() if name != "op"})
        elif op == "logs":
            tail = request.get("tail_bytes", 0)
            connection.show(supervisor.find(request["id"]), follow=request.get("follow", False), tail=tail)
        elif op == "drained":
            if supervisor.shutdown:
                supervisor.shutdown.drained()
        else:
            connection.watching = connection.watching or op == "watch"
            connection.drains = connection.drains or request.get("drain", False)
            return {"services": [service.describe() for service in supervisor.services.values()]}
        return {}


def _decode(data: bytes) -> dict[str, Any]:
    try:
        request = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise ControlError(f"the request is not JSON: {error}") from error
    op = request.get("op") if isinstance(request, dict) else None
    if not isinstance(op, str) or op not in OPS:
        raise ControlError("the request has no known op", f"known are {', '.join(OPS)}")
    problems: list[str] = []
    required, rules = OPS[op]
    fields = decode_fields({key: value for key, value in request.items() if key != "op"}, rules, required, op, problems)
    if problems:
        raise ControlError("; ".join(problems[:20]), "docs/architecture.md has the fields of every op")
    return {"op": op, **fields}
