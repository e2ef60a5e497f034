"""Who a disk is, from a made-up sysfs and pages as disks send them."""

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from controllers.block.disk_identity import Identity, encode, parse_designators, read_identity


def designator(kind: int, value: bytes, association: int = 0) -> bytes:
    return bytes((2, association << 4 | kind, 0, len(value))) + value


def page83(*designators: bytes) -> bytes:
    body = b"".join(designators)
    return b"\0\x83" + len(body).to_bytes(2) + body


def disk(tmp_path: Path, **files: str | bytes) -> Path:
    home = tmp_path / "0:0:2:0/block/sda"
    home.mkdir(parents=True)
    (home / "device").symlink_to(tmp_path / "0:0:2:0")
    for name, content in files.items():
        path = home / name.replace("__", "/")
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    return home


ATA = b"ATA     " + b"Samsung SSD 870 EVO 1TB".ljust(40) + b"S6PTNL0T123456".rjust(20)


def test_ata_tells_its_full_model(tmp_path: Path) -> None:
    page = page83(designator(0, b"S6PTNL0T123456      "), designator(1, ATA), designator(3, bytes.fromhex("5002538f12345678")))
    home = disk(tmp_path, device__model="Samsung SSD 870 ", device__vpd_pg83=page)
    assert read_identity(home, "ata") == Identity(
        "Samsung SSD 870 EVO 1TB",
        "S6PTNL0T123456",
        "0x5002538f12345678",
        ("/dev/disk/by-id/ata-Samsung_SSD_870_EVO_1TB_S6PTNL0T123456", "/dev/disk/by-id/wwn-0x5002538f12345678"),
    )


def test_ata_without_pages(tmp_path: Path) -> None:
    home = disk(tmp_path, device__model="QEMU HARDDISK", device__vpd_pg80=b"\0\x80\0\x07QM00001")
    assert read_identity(home, "ata") == Identity(
        "QEMU HARDDISK", "QM00001", "", ("/dev/disk/by-id/ata-QEMU_HARDDISK_QM00001",)
    )


def test_nvme(tmp_path: Path) -> None:
    home = disk(tmp_path, device__model="Shiny  Fast", device__serial="S1 ", wwid="eui.0025385b", nsid="1")
    assert read_identity(home, "nvme").links == (
        "/dev/disk/by-id/nvme-Shiny_Fast_S1",
        "/dev/disk/by-id/nvme-Shiny_Fast_S1_1",
        "/dev/disk/by-id/nvme-eui.0025385b",
    )


def test_scsi_by_name_by_vendor_or_by_its_own_words(tmp_path: Path) -> None:
    for index, (page, link) in enumerate(
        (
            (page83(designator(3, bytes.fromhex("6000c500"))), "scsi-36000c500"),
            (page83(designator(1, b"QEMU    disk 7")), "scsi-1QEMU_disk_7"),
            (page83(designator(0, b"drive-1"), designator(3, b"port", 1)), "scsi-0QEMU_QEMU_HARDDISK_drive-1"),
        )
    ):
        home = disk(tmp_path / str(index), device__vendor="QEMU", device__model="QEMU HARDDISK", device__vpd_pg83=page)
        assert f"/dev/disk/by-id/{link}" in read_identity(home, "scsi").links
    assert read_identity(disk(tmp_path / "none"), "scsi") == Identity()


def test_usb_has_the_serial_of_the_stick(tmp_path: Path) -> None:
    home = disk(tmp_path / "1-2", device__vendor="SanDisk", device__model="Ultra")
    (tmp_path / "1-2/serial").write_text("4C53\n")
    found = read_identity(home, "usb")
    assert (found.serial, found.links) == ("4C53", ("/dev/disk/by-id/usb-SanDisk_Ultra_4C53-2:0",))


def test_virtio_and_cards(tmp_path: Path) -> None:
    assert read_identity(disk(tmp_path / "a", serial="root"), "virtio").links == ("/dev/disk/by-id/virtio-root",)
    assert read_identity(disk(tmp_path / "b"), "virtio").links == ()
    card = disk(tmp_path / "c", device__name="SC64G", device__serial="0x12")
    assert read_identity(card, "mmc") == Identity("SC64G", "0x12", "", ("/dev/disk/by-id/mmc-SC64G_0x12",))


def test_names_are_safe_in_a_path() -> None:
    assert encode("  a/b\tc  d\x1b ") == "a_b_c_d_"


@given(st.binary(max_size=300))
def test_no_noise_crashes_the_parser(noise: bytes) -> None:
    for page in (noise, b"\0\x83" + noise):
        assert all(len(value) <= 255 for _, value in parse_designators(page))
