"""The API process: follow what to serve with, and serve.

The brain may be away at the start and at any time later. Before its first answer nothing listens, because there is no
certificate; after that the last one stays in use, and calls answer UNAVAILABLE until the brain is back.
"""

import asyncio
import logging
from pathlib import Path

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from api.server.configuration import ConfigService
from api.server.etcd import EtcdService
from api.server.gate import Mode, Recognize
from api.server.handlers import make_handler
from api.server.hardware import HardwareService
from api.server.inspection import InspectService
from api.server.install import InstallService
from api.server.lifecycle import LifecycleService
from api.server.machine import MachineService
from api.server.meta import MetaService
from api.server.reset import ResetService
from api.server.roles import FILES
from api.server.serving import Listener, Serving
from api.server.state import StateService
from controllers.runtime.errors import RuntimeFault
from controllers.runtime.wire_client import WireClient

_log = logging.getLogger(__name__)

ADDRESSES = ("[::]:50000", "0.0.0.0:50000")
BRAIN_SOCKET = Path("/run/ophite/brain.sock")
CONNECT_LIMIT = 5.0  # seconds; the brain is back within one
RETRY_SECONDS = 0.5


class Face:
    """One API server process. `patience`: seconds that a call waits for a brain that is away."""

    def __init__(
        self, socket: Path = BRAIN_SOCKET, addresses: tuple[str, ...] = ADDRESSES, patience: float = CONNECT_LIMIT
    ) -> None:
        self._brain = WireClient(socket, timeout=patience)
        self._health = health.aio.HealthServicer()
        self.listener = Listener(addresses, self._install)
        self.served = asyncio.Condition()
        """Notified whenever something else is served."""

    async def run(self) -> None:
        """Serve until cancelled. Raises `OSError` when the port cannot be had."""
        try:
            while True:
                try:
                    await self._follow()
                except RuntimeFault as fault:
                    _log.warning("the brain is away: %s", fault)
                await self._set_health(health_pb2.HealthCheckResponse.NOT_SERVING)
                await asyncio.sleep(RETRY_SECONDS)
        finally:
            await self.listener.close()
            await self._brain.close()

    async def _follow(self) -> None:
        """Serve with whatever the brain says, until it hangs up."""
        async for item in self._brain.stream("serving"):
            await self.listener.serve(Serving.parse(item))
            await self._set_health(health_pb2.HealthCheckResponse.SERVING)
            async with self.served:
                self.served.notify_all()

    async def _set_health(self, status: int) -> None:
        await self._health.set("", status)

    def _install(self, server: grpc.aio.Server, mode: Mode, who: Recognize) -> None:
        """Add every service to a new server."""
        servicers = {
            "MachineService": MachineService(self._brain, mode),
            "StateService": StateService(self._brain),
            "ConfigService": ConfigService(self._brain, mode),
            "EtcdService": EtcdService(self._brain),
            "InspectService": InspectService(self._brain),
            "ResetService": ResetService(self._brain),
            "MetaService": MetaService(self._brain),
            "LifecycleService": LifecycleService(self._brain),
            "InstallService": InstallService(self._brain),
            "HardwareService": HardwareService(self._brain),
        }
        descriptors = [service for file in FILES for service in file.services_by_name.values()]
        server.add_generic_rpc_handlers([make_handler(one, servicers[one.name], who) for one in descriptors])
        health_pb2_grpc.add_HealthServicer_to_server(self._health, server)
        names = [*(one.full_name for one in descriptors), health.SERVICE_NAME, reflection.SERVICE_NAME]
        reflection.enable_server_reflection(names, server)
