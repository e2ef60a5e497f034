"""What a board is: everything that differs between the machines an image is made for."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Board:
    """One kind of machine. A module whose name begins with `?` is taken if the kernel has it; any other must be there."""

    name: str
    summary: str
    kernels: dict[str, str]  # architecture → Debian kernel (meta) package
    stage1: tuple[str, ...]  # modules that the initramfs loads, for the disk and the root image
    modules: tuple[str, ...]  # modules that the root image carries besides
    command_line: tuple[str, ...]  # of the kernel, besides what the build adds
    slot_mib: int = 1024  # size of ROOT-A and ROOT-B at least: room for years of growing versions
    esp_mib: int = 512  # for each slot kernel, initramfs and UKI, while the next are written beside them
    state_mib: int = 64
