"""InstallConfig: the disk that a node is installed on."""

from typing import Annotated, Self

import msgspec

from controllers.config.document import Document
from controllers.config.documents.disk_selector import DiskMatch, DiskSelector
from controllers.config.problem import Problem

WORD_LIMIT = 256
WORDS_LIMIT = 64
LINE_LIMIT = 1024
"""Characters of all words together: kernels read 2048, and the image has words of its own."""
RESERVED = (
    *("root", "rootfstype", "rootflags", "init", "rdinit", "initrd", "dm-mod.create", "noinitrd"),
    *("ophite.root", "ophite.verity", "ophite.medium", "ophite.bundle", "ophite.config"),
)
"""What the boot itself stands on; these come with the image and nothing may override them."""


class InstallConfig(Document, frozen=True, kw_only=True):
    """Install on a disk. A node that runs from memory (ISO, network boot) does it as soon as its configuration is complete
    and then reboots; a node that runs from its disk does nothing with it.
    """

    columns = (("WIPE", "wipe"), ("KERNEL ARGUMENTS", "extra_kernel_args"))

    disk: Annotated[
        DiskSelector,
        msgspec.Meta(description="Which disk. Exactly one must match, otherwise nothing is written and all disks are listed."),
    ]
    wipe: Annotated[
        bool,
        msgspec.Meta(description="Whether a disk that holds something is overwritten. Otherwise such a disk is refused."),
    ] = False
    extra_kernel_args: Annotated[
        tuple[str, ...],
        msgspec.Meta(description="Words that are added to the kernel's command line, such as `console=ttyS1,115200`."),
    ] = ()

    def validate(self) -> list[Problem]:
        found = self.disk.validate(self, "disk")
        words = self.extra_kernel_args
        if len(words) > WORDS_LIMIT or sum(map(len, words)) + len(words) > LINE_LIMIT:
            found.append(
                self.problem("extraKernelArgs", "too long", f"at most {WORDS_LIMIT} words of {LINE_LIMIT} characters together")
            )
        for index, word in enumerate(words[:WORDS_LIMIT]):
            found += self._check_word(f"extraKernelArgs[{index}]", word)
        return found

    def _check_word(self, path: str, word: str) -> list[Problem]:
        """Check one word: the boot loaders hand over printable ASCII, and GRUB no quotes and no backslash."""
        key = word.partition("=")[0].replace("_", "-")
        if not word or len(word) > WORD_LIMIT:
            return [self.problem(path, "empty or too long", f"1 to {WORD_LIMIT} characters")]
        if any(not "!" <= character <= "~" or character in "\"'\\" for character in word):
            message = f"{word[:64]!r} has a space, a quote, a backslash or a character that is not printable ASCII"
            return [self.problem(path, message, "one word for each entry of the list")]
        if key in RESERVED or word.startswith("--"):
            hint = "leave it out: it comes with the image, and the node would not start with another one"
            return [self.problem(path, f"{key[:64]!r} is not for you to set", hint)]
        return []

    @classmethod
    def example(cls) -> Self:
        disk = DiskSelector(match=DiskMatch(size=">= 100GB", transport="nvme"))
        return cls(disk=disk, wipe=False, extra_kernel_args=("console=ttyS1,115200",))
