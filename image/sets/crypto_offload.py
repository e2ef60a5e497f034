"""Cards and processors that encrypt and compress for others: Intel QuickAssist, AMD's secure processor."""

from __future__ import annotations

from image.sets.moduleset import ModuleSet

SET = ModuleSet(
    name="crypto-offload",
    summary="Intel QuickAssist, AMD secure processor (SEV), arm64 crypto engines",
    modules=("?qat_c62x", "?qat_c62xvf", "?qat_c3xxx", "?qat_dh895xcc", "?ccp", "?caam", "?caam_jr", "?cptpf", "?cptvf"),
    firmware=("firmware-intel-misc", "amd64-microcode:amd64"),
)
