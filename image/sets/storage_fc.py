"""Fibre Channel, and FCoE and iSCSI that a network card does by itself. A disk of the SAN may hold the root."""

from __future__ import annotations

from image.sets.moduleset import ModuleSet

SET = ModuleSet(
    name="storage-fc",
    summary="Fibre Channel and offloaded iSCSI: QLogic, Emulex, Cisco, Chelsio; ALUA and other handlers of paths",
    stage1=("qla2xxx", "lpfc", "sd_mod"),
    modules=(
        "?fnic", "snic", "qedf", "qedi", "qla4xxx", "bnx2fc", "bnx2i", "be2iscsi", "csiostor", "cxgb4i", "dm_multipath",
        "dm_round_robin", "dm_service_time", "dm_queue_length", "scsi_dh_alua", "scsi_dh_rdac", "scsi_dh_emc",
    ),
    firmware=("firmware-qlogic", "firmware-misc-nonfree"),
)  # fmt: skip
