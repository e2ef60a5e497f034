"""RDMA: InfiniBand cards, RoCE and iWARP of network cards, and RDMA in software. Goes with `network-10g`."""

from __future__ import annotations

from image.sets.moduleset import ModuleSet

SET = ModuleSet(
    name="infiniband",
    summary="RDMA over InfiniBand, RoCE and iWARP: Mellanox, Intel, Broadcom, Chelsio, QLogic, Huawei; in software, too",
    modules=(
        "mlx4_ib", "mlx5_ib", "bnxt_re", "irdma", "iw_cxgb4", "qedr", "ocrdma", "?hns_roce_hw_v2", "?hfi1", "mana_ib",
        "ib_ipoib", "ib_umad", "ib_uverbs", "rdma_ucm", "rdma_rxe", "ib_iser", "ib_srp",
    ),
    firmware=("firmware-intel-misc", "firmware-misc-nonfree", "firmware-qlogic"),
)  # fmt: skip
