"""TPMs that are on no bus that the kernel has built in: on SPI and I²C, as arm64 servers have them."""

from __future__ import annotations

from image.sets.moduleset import ModuleSet

SET = ModuleSet(
    name="tpm",
    summary="TPMs on SPI and I2C (those of PCs are in every kernel)",
    modules=("tpm_tis_spi", "tpm_tis_i2c_cr50", "tpm_i2c_infineon", "?tpm_st33zp24_i2c", "?tpm_i2c_nuvoton"),
)
