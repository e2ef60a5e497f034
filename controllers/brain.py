"""The brain: one store, one engine with every controller, one socket.

It keeps nothing: killed at any moment, its next life observes the machine and goes on. Told to stop, it lets the controllers
release what they hold, but never longer than `CLOSE_SECONDS`.
"""

import asyncio
import gc
import logging
import os
import signal
from collections.abc import Iterable
from pathlib import Path

from controllers.all import controllers
from controllers.machine.operations import methods
from controllers.ports import Paths, Ports
from controllers.runtime.controller import Controller
from controllers.runtime.engine import Engine
from controllers.runtime.errors import RuntimeFault
from controllers.runtime.log import set_up_logging
from controllers.runtime.memory import MemoryStore
from controllers.runtime.remote import StoreService
from controllers.runtime.wire_server import WireServer
from controllers.timesync.floor import raise_clock
from controllers.timesync.node_clock import KernelNodeClock
from init.linux.cmdline import read_cmdline

log = logging.getLogger("brain")

API_GID = 50
SOCKET_MODE = 0o660
CLOSE_SECONDS = 10.0


def run_forever() -> None:
    """Run on this machine until SIGTERM or SIGINT, then leave without waiting for any thread."""
    set_up_logging()
    command_line = read_cmdline()
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    ports = Ports(paths=Paths(Path("/")), cmdline=command_line.values, patience=float(command_line.patience), memory=memory)
    raise_clock(ports, KernelNodeClock())
    status = 0
    try:
        asyncio.run(_run_until_signal(ports))
    except Exception:
        log.exception("brain failed")
        status = 1
    logging.shutdown()
    os._exit(status)


async def run(ports: Ports, registered: Iterable[Controller], stop: asyncio.Event, *, gid: int | None = API_GID) -> None:
    """Run controllers until `stop` is set. In: `gid`, the group that may use the socket (None: the process's own).

    Raises `OSError` when the socket cannot be made, `GraphError` when the controllers do not fit, `RuntimeFault` when
    the engine itself failed.
    """
    store = MemoryStore(ports.clock)
    engine = Engine(store, ports.clock, patience=ports.patience)
    engine.register(registered)
    ports.paths.brain_socket.parent.mkdir(parents=True, exist_ok=True)
    table = [*StoreService(store).methods(), *methods(store, ports)]
    server = WireServer(ports.paths.brain_socket, table, mode=SOCKET_MODE, gid=gid)
    await server.start()
    await engine.start()
    log.info("brain is up", extra={"controllers": len(engine.controllers)})
    ends = [asyncio.create_task(event.wait()) for event in (stop, engine.failed)]
    await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
    for end in ends:
        end.cancel()
    log.info("brain stops")
    await server.close()
    await engine.close(CLOSE_SECONDS / 2)
    if engine.failed.is_set():
        raise RuntimeFault("the engine failed", "its log has the traceback")


async def _run_until_signal(ports: Ports) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    registered = controllers(ports)
    gc.freeze()  # what was imported stays; no collection needs to look at it again
    gc.enable()
    await run(ports, registered, stop)
