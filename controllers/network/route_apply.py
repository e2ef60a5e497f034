"""RouteApplyController: add wanted routes, remove those of ours that are no longer wanted.

As with addresses: only what carries our protocol number is removed, and what an earlier brain left gets some minutes.
"""

import ipaddress

from controllers.network.address_apply import GRACE_SECONDS, RETRY_SECONDS
from controllers.network.netlink import OPHITE_PROTOCOL, KernelRoute, Netlink, NetlinkFault
from controllers.resources.network import NETWORK, AddressStatus, LinkStatus, RouteSpec, RouteStatus
from controllers.runtime.controller import STRONG, Controller, Input, View
from controllers.runtime.errors import Waiting


class RouteApplyController(Controller):
    """RouteSpec → the kernel's main table. Waits with routes whose link is not up."""

    name = "network.RouteApplyController"
    inputs = (Input(RouteSpec, NETWORK, kind=STRONG), Input(LinkStatus), Input(AddressStatus), Input(RouteStatus))

    def __init__(self, netlink: Netlink) -> None:
        self._netlink = netlink
        self._made: set[KernelRoute] = set()
        self._began: float | None = None

    async def reconcile(self, view: View) -> None:
        indexes = {link.name: link.index for link in await self._netlink.links() if link.up}
        ours = {route for route in await self._netlink.routes() if route.ours}
        specs = [resource.spec for resource in view.list(RouteSpec)]
        wanted = {_kernel_route(spec, indexes[spec.link]) for spec in specs if spec.link in indexes}
        self._made |= wanted
        stale = self._unwanted(view, ours - wanted)
        for route in stale:
            await self._netlink.remove_route(route)
        self._made -= set(stale)
        failed = []
        for route in sorted(wanted - ours, key=_order):
            try:
                await self._netlink.add_route(route)
            except NetlinkFault as fault:
                failed.append(str(fault))
        if failed:
            view.wake_after(RETRY_SECONDS)
            raise Waiting(f"the kernel to accept {'; '.join(failed)}")

    def _unwanted(self, view: View, stale: set[KernelRoute]) -> list[KernelRoute]:
        if self._began is None:
            self._began = view.now
        left = self._began + GRACE_SECONDS - view.now
        if left <= 0:
            return sorted(stale, key=_order)
        if stale - self._made:
            view.wake_after(left)
        return sorted(stale & self._made, key=_order)


def _kernel_route(spec: RouteSpec, index: int) -> KernelRoute:
    """Return a route as the kernel will show it."""
    destination = spec.destination
    if destination != "default":
        network = ipaddress.ip_network(destination)
        destination = "default" if network.prefixlen == 0 else str(network)
    return KernelRoute(
        index=index,
        destination=destination,
        gateway=spec.gateway,
        source=spec.source,
        priority=spec.priority,
        protocol=OPHITE_PROTOCOL,
    )


def _order(route: KernelRoute) -> tuple[bool, bool, str, int, int]:
    """Routes on the link first: a gateway may lie behind one."""
    return (bool(route.gateway), route.destination == "default", route.destination, route.priority, route.index)
