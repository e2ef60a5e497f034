"""Lists of kernel modules that several boards share."""

from __future__ import annotations

ROOT = ("erofs", "dm_mod", "dm_bufio", "dm_verity")  # a verified root image
# A root on a CD or a stick, or in memory.
MEDIUM = ("loop", "isofs", "cdrom", "sr_mod", "?ahci", "?ata_piix", "?virtio_scsi", "?sd_mod")
PODS = ("overlay", "veth", "bridge", "br_netfilter", "vxlan")  # containers and their network
FILE_SYSTEMS = ("ext4", "xfs", "vfat", "isofs", "nls_cp437", "nls_ascii", "nls_utf8", "loop")
ENCRYPTION = ("dm_crypt", "xts", "?aesni_intel", "?aes_ce_blk", "?aes_neon_blk", "?af_alg", "?algif_skcipher")  # LUKS2
NETFILTER = (
    "nf_conntrack", "nf_nat", "nf_tables", "nft_compat", "nft_chain_nat", "nft_ct", "nft_masq", "nft_nat",
    "nft_reject_inet", "nf_conntrack_netlink", "xt_comment", "xt_conntrack", "xt_mark", "xt_nat", "xt_MASQUERADE",
    "xt_REDIRECT", "xt_statistic", "xt_multiport", "xt_addrtype", "xt_physdev", "xt_recent", "xt_tcpudp", "xt_set",
    "xt_limit", "xt_TCPMSS", "xt_CT", "ip_set", "ip_set_hash_ip", "ip_set_hash_net", "ipt_REJECT", "ip6t_REJECT",
)  # fmt: skip
LINKS = ("8021q", "bonding", "macvlan", "ipvlan", "dummy", "wireguard", "tun")  # what the configuration may ask for
INPUT = ("button", "evdev", "?gpio_keys", "efivarfs")  # power button; firmware variables
WATCHDOGS = (
    "?i6300esb",
    "?iTCO_wdt",
    "?sp5100_tco",
    "?softdog",
)  # of QEMU, Intel, AMD; last the kernel itself, for want of one
VIRTIO = ("virtio_pci", "virtio_net", "virtio_rng", "virtio_balloon")
MEMORY = ("?zram",)  # swap in compressed memory, on machines with little
COMMON = (*INPUT, *FILE_SYSTEMS, *ENCRYPTION, *PODS, *NETFILTER, *LINKS, *MEMORY)
