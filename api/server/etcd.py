"""EtcdService: create the cluster's database, and look at it."""

from api.generated import etcd_pb2 as pb
from api.server.gate import Caller
from controllers.runtime.wire_client import WireClient


class EtcdService:
    """Translates between messages and the brain's `etcd.*` operations."""

    def __init__(self, brain: WireClient) -> None:
        self._brain = brain

    async def bootstrap(self, request: pb.BootstrapRequest, caller: Caller) -> pb.BootstrapResponse:
        """Create a new cluster here, unless a reason speaks against it."""
        await self._brain.call("etcd.bootstrap")
        return pb.BootstrapResponse()

    async def member_list(self, request: pb.MemberListRequest, caller: Caller) -> pb.MemberListResponse:
        """List the members as this node's etcd knows them."""
        members = await self._brain.call("etcd.members")
        return pb.MemberListResponse(members=[pb.Member(**member) for member in members])

    async def status(self, request: pb.EtcdStatusRequest, caller: Caller) -> pb.EtcdStatusResponse:
        """Return what this node's member says."""
        return pb.EtcdStatusResponse(**await self._brain.call("etcd.status"))
