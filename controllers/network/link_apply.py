"""LinkApplyController: set links up or down and their MTU. A link that is no longer wanted is left as it is."""

from controllers.network.netlink import Netlink, NetlinkFault
from controllers.resources.network import NETWORK, LinkSpec, LinkStatus
from controllers.runtime.controller import STRONG, Controller, Input, View
from controllers.runtime.errors import Waiting

RETRY_SECONDS = 10.0


class LinkApplyController(Controller):
    """LinkSpec → the kernel. A link that does not exist (yet) is set up when LinkStatus shows it."""

    name = "network.LinkApplyController"
    inputs = (Input(LinkSpec, NETWORK, kind=STRONG), Input(LinkStatus))

    def __init__(self, netlink: Netlink) -> None:
        self._netlink = netlink

    async def reconcile(self, view: View) -> None:
        links = {link.name: link for link in await self._netlink.links()}
        failed = []
        for wanted in view.list(LinkSpec):
            link = links.get(wanted.spec.name)
            if link is None:
                continue
            up = wanted.spec.up if wanted.spec.up != link.up else None
            mtu = wanted.spec.mtu if wanted.spec.mtu != link.mtu else 0
            if up is None and not mtu:
                continue
            try:
                await self._netlink.set_link(link.index, up=up, mtu=mtu)
            except NetlinkFault as fault:
                failed.append(str(fault))
        if failed:
            view.wake_after(RETRY_SECONDS)
            raise Waiting(f"the kernel to accept {'; '.join(failed)}")
