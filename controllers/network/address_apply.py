"""AddressApplyController: add wanted addresses, remove those of ours that are no longer wanted.

Only addresses with our protocol number are ever removed. Those that a brain before this one left behind get some
minutes: after a restart the lease they belong to may not have been read yet, and a node must not lose its address.
"""

from controllers.network.netlink import KernelAddress, Netlink, NetlinkFault
from controllers.resources.network import NETWORK, AddressSpec, AddressStatus, LinkStatus
from controllers.runtime.controller import STRONG, Controller, Input, View
from controllers.runtime.errors import Waiting

RETRY_SECONDS = 5.0
GRACE_SECONDS = 300.0


class AddressApplyController(Controller):
    """AddressSpec → the kernel."""

    name = "network.AddressApplyController"
    inputs = (Input(AddressSpec, NETWORK, kind=STRONG), Input(LinkStatus), Input(AddressStatus))

    def __init__(self, netlink: Netlink) -> None:
        self._netlink = netlink
        self._made: set[tuple[int, str]] = set()
        self._began: float | None = None

    async def reconcile(self, view: View) -> None:
        indexes = {link.name: link.index for link in await self._netlink.links()}
        present = {(address.index, address.address): address for address in await self._netlink.addresses()}
        specs = [wanted.spec for wanted in view.list(AddressSpec)]
        wanted = {(indexes[spec.link], spec.address) for spec in specs if spec.link in indexes}
        self._made |= wanted
        failed = []
        for index, address in sorted(wanted - present.keys()):
            try:
                await self._netlink.add_address(index, address)
            except NetlinkFault as fault:
                failed.append(str(fault))
        for index, address in self._unwanted(view, present, wanted):
            await self._netlink.remove_address(index, address)
            self._made.discard((index, address))
        if failed:
            view.wake_after(RETRY_SECONDS)
            raise Waiting(f"the kernel to accept {'; '.join(failed)}")

    def _unwanted(
        self, view: View, present: dict[tuple[int, str], KernelAddress], wanted: set[tuple[int, str]]
    ) -> list[tuple[int, str]]:
        """Return our addresses that are to go now; ask to be woken for those that go later."""
        if self._began is None:
            self._began = view.now
        stale = sorted(key for key, address in present.items() if address.ours and key not in wanted)
        left = self._began + GRACE_SECONDS - view.now
        if left <= 0:
            return stale
        if any(key not in self._made for key in stale):
            view.wake_after(left)
        return [key for key in stale if key in self._made]
