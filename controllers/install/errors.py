"""What can go wrong when a node is installed.

InstallError          base: message and hint; nothing that is left is bootable by halves
└── Refused           nothing was written: the disk holds something, is too small, or is not the only one that matches
"""

from controllers.runtime.errors import RuntimeFault


class InstallError(RuntimeFault):
    """Base of the tree."""


class Refused(InstallError):
    """Nothing was written."""
