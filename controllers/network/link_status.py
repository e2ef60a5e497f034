"""LinkStatusController: the kernel's links, without those of containers."""

from controllers.network.kernel_status import KernelStatusController
from controllers.network.link_names import is_container_link
from controllers.resources.network import LinkStatus
from controllers.runtime.controller import Output, View, Wanted


class LinkStatusController(KernelStatusController):
    """The kernel → LinkStatus."""

    name = "network.LinkStatusController"
    outputs = (Output(LinkStatus),)

    async def reconcile(self, view: View) -> list[Wanted]:
        del view
        return [
            Wanted(
                link.name,
                LinkStatus(
                    name=link.name,
                    index=link.index,
                    kind="loopback" if link.loopback else link.kind,
                    physical=link.physical,
                    hardware_address=link.hardware_address,
                    mtu=link.mtu,
                    up=link.up,
                    carrier=link.carrier,
                    operational_state=link.state,
                ),
            )
            for link in await self._netlink.links()
            if not is_container_link(link.name)
        ]
