"""Disks that only sysfs, a table of mounts and plain files tell about, for tests that describe disks."""

from pathlib import Path

from image.flash_users import Host

SECTOR = 512


class FakeDisks:
    """Makes `/sys`, `/dev`, mountinfo and swaps below a directory."""

    def __init__(self, root: Path) -> None:
        self.host = Host(root / "sys", root / "dev", root / "mountinfo", root / "swaps")
        for directory in (self.host.sys / "class/block", self.host.sys / "dev/block", self.host.dev):
            directory.mkdir(parents=True)
        self.host.mountinfo.write_text("")
        self.host.swaps.write_text("Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n")
        self._minor = 0

    def disk(self, name: str, bus: str = "pci0/usb1/1-1", size: int = 8 << 20, /, **attributes: str) -> Path:
        """Make a disk; `attributes` are files of its directory, `__` is a slash. Gives the file in place of its device."""
        home = self.host.sys / f"devices/{bus}/block/{name}"
        return self._make(home, size, {"ro": "0", "removable": "0", "diskseq": "7", **attributes})

    def part(self, disk: str, number: int, size: int = 1 << 20, name: str = "") -> Path:
        """Make a partition of a disk."""
        return self._make(self._home(disk) / (name or f"{disk}{number}"), size, {"partition": str(number)})

    def hold(self, name: str, holder: str, **attributes: str) -> None:
        """Make a device that stands on another one."""
        if not (self.host.sys / "class/block" / holder).exists():
            self._make(self.host.sys / f"devices/virtual/block/{holder}", 1 << 20, attributes)
        directory = self._home(name) / "holders"
        directory.mkdir(exist_ok=True)
        (directory / holder).symlink_to(self._home(holder))

    def mount(self, name: str, target: str, number: str = "") -> None:
        """Mount a device; `number` when the file system has one of its own."""
        device = number or (self._home(name) / "dev").read_text()
        with self.host.mountinfo.open("a") as file:
            file.write(f"30 1 {device} / {target} rw shared:1 - ext4 /dev/{name} rw\n")

    def swap(self, name: str) -> None:
        """Swap to a device."""
        with self.host.swaps.open("a") as file:
            file.write(f"/dev/{name} partition 1024 0 -2\n")

    def _home(self, name: str) -> Path:
        return (self.host.sys / "class/block" / name).resolve()

    def _make(self, home: Path, size: int, attributes: dict[str, str]) -> Path:
        self._minor += 1
        number = f"8:{self._minor}"
        home.mkdir(parents=True)
        for key, value in {"dev": number, "size": str(size // SECTOR), **attributes}.items():
            path = home / key.replace("__", "/")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(value)
        (self.host.sys / "class/block" / home.name).symlink_to(home)
        (self.host.sys / "dev/block" / number).symlink_to(home)
        device = self.host.dev / home.name
        with device.open("wb") as file:
            file.truncate(size)
        return device
