"""RouteStatusController: the kernel's main table, without routes of containers."""

from controllers.network.kernel_status import KernelStatusController
from controllers.network.link_names import is_container_link
from controllers.network.netlink import OPHITE_PROTOCOL
from controllers.resources.network import RouteStatus
from controllers.runtime.controller import Output, View, Wanted

_PROTOCOLS = {2: "kernel", 3: "boot", 4: "static", 9: "ra", 16: "dhcp", OPHITE_PROTOCOL: "ophite"}
"""linux/rtnetlink.h, RTPROT_*, and ours."""


class RouteStatusController(KernelStatusController):
    """The kernel → RouteStatus."""

    name = "network.RouteStatusController"
    outputs = (Output(RouteStatus),)

    async def reconcile(self, view: View) -> list[Wanted]:
        del view
        names = {link.index: link.name for link in await self._netlink.links()}
        found: dict[str, Wanted] = {}
        for route in await self._netlink.routes():
            link = names.get(route.index, "")
            if not link or is_container_link(link):
                continue
            spec = RouteStatus(
                destination=route.destination,
                link=link,
                gateway=route.gateway,
                source=route.source,
                priority=route.priority,
                protocol=_PROTOCOLS.get(route.protocol, str(route.protocol)),
            )
            id_ = f"{link}/{route.destination}/{route.priority}"
            id_ = id_ if id_ not in found else f"{id_}/{route.gateway}"
            found[id_] = Wanted(id_, spec)
        return list(found.values())
