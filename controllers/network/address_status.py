"""AddressStatusController: the kernel's addresses, without those of containers."""

from controllers.network.kernel_status import KernelStatusController
from controllers.network.link_names import is_container_link
from controllers.resources.network import AddressStatus
from controllers.runtime.controller import Output, View, Wanted


class AddressStatusController(KernelStatusController):
    """The kernel → AddressStatus."""

    name = "network.AddressStatusController"
    outputs = (Output(AddressStatus),)

    async def reconcile(self, view: View) -> list[Wanted]:
        del view
        names = {link.index: link.name for link in await self._netlink.links()}
        found = []
        for address in await self._netlink.addresses():
            link = names.get(address.index, "")
            if link and not is_container_link(link):
                spec = AddressStatus(address=address.address, link=link, scope=address.scope)
                found.append(Wanted(f"{link}/{address.address}", spec))
        return found
