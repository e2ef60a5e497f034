"""What can go wrong on the way to another version.

LifecycleFault        base: message and hint
├── BundleError       a bundle is not what it should be, or not for this node
├── FetchError        a bundle cannot be had from where it was said to be
└── SlotError         a slot, the ESP or the partition table cannot be read or written
"""

from controllers.runtime.errors import RuntimeFault


class LifecycleFault(RuntimeFault):
    """Base of the tree."""


class BundleError(LifecycleFault):
    """A bundle is not what it should be, or not for this node. Nothing was written but its spool file, which is gone."""


class FetchError(LifecycleFault):
    """A bundle cannot be had from where it was said to be."""


class SlotError(LifecycleFault):
    """A slot, the ESP or the partition table cannot be read or written. The slot that runs was not touched."""
