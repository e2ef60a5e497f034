"""AMD graphics and compute cards (GCN and later). Half of the firmware is for cards of one generation each, but a card
that lacks its own does not start, and an image does not know which one it will meet."""

from __future__ import annotations

from image.sets.moduleset import ModuleSet

NEWER = "for processors and cards newer than the distribution's firmware; without it they are left alone"

SET = ModuleSet(
    name="gpu-amd",
    summary="AMD graphics and compute: Radeon, Instinct, processors with graphics; for the device plug-in of AMD",
    modules=("amdgpu",),
    firmware=("firmware-amd-graphics",),
    absent={
        "amdgpu/*ip_discovery.bin": "a table that cards carry themselves; the driver knows the older ones by heart",
        "amdgpu/*_cap.bin": "for a hypervisor that divides a card; its maker gives it to those only",
        "amdgpu/cyan_skillfish_gpu_info.bin": "a processor of a game console",
        "amdgpu/gc_11_0_0_toc.bin": "the table of contents is part of another file",
        "amdgpu/gc_11_0_3_mes.bin": "the driver takes gc_11_0_3_mes_2.bin",
        "amdgpu/*_kicker.bin": NEWER,
        "amdgpu/dcn_4_2_1_*.bin": NEWER,
        "amdgpu/gc_11_5_[46]_*.bin": NEWER,
        "amdgpu/gc_12_1_0_*.bin": NEWER,
        "amdgpu/psp_15_0_[58]_*.bin": NEWER,
        "amdgpu/sdma_6_4_0.bin": NEWER,
        "amdgpu/sdma_7_1_0.bin": NEWER,
        "amdgpu/vcn_5_0_2.bin": NEWER,
        "amdgpu/vpe_2_2_0.bin": NEWER,
    },
)
