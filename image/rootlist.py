"""The written list of Debian packages of the root image, and which of their files it keeps.

Nothing is in the image that is not named here: packages are not followed to what they depend on. A missing shared library
is found by `rootfs.check_libraries`, which names the program that wants it. `{lib}` stands for the multiarch directory.
"""

from __future__ import annotations

from dataclasses import dataclass

from image.arch import Arch
from image.boards.board import Board, RaspberryPi


@dataclass(frozen=True)
class Keep:
    """What the image takes from one package: patterns below the package's root, as of `pathlib.Path.glob`."""

    package: str
    patterns: tuple[str, ...]
    why: str


PROGRAMS = (
    Keep("containerd", ("usr/bin/containerd", "usr/bin/containerd-shim-runc-v2", "usr/bin/ctr"), "runs containers"),
    Keep("runc", ("usr/sbin/runc",), "makes containers"),
    Keep(
        "containernetworking-plugins",
        tuple(f"usr/lib/cni/{n}" for n in ("bridge", "host-local", "loopback", "portmap")),
        "pods",
    ),
    Keep("etcd-server", ("usr/bin/etcd",), "the cluster's store"),
    Keep("iptables", ("usr/sbin/xtables-nft-multi", "{lib}/xtables/libxt_*.so", "{lib}/xtables/libip*t_*.so"), "services"),
    Keep("mount", ("usr/bin/mount", "usr/bin/umount"), "volumes"),
    Keep("e2fsprogs", ("usr/sbin/mke2fs", "etc/mke2fs.conf"), "formats disks"),
    Keep("xfsprogs", ("usr/sbin/mkfs.xfs",), "formats user volumes"),
    Keep("dosfstools", ("usr/sbin/mkfs.fat",), "formats the ESP"),
    Keep("cryptsetup-bin", ("usr/sbin/cryptsetup",), "encrypted volumes"),
    Keep("python3.13-minimal", ("usr/bin/python3.13",), "runs Ophite"),
)
LIBRARIES = (
    Keep(
        "libc6",
        tuple(f"{{lib}}/{n}" for n in ("ld-linux*", "libc.so.6", "libm.so.6", "libresolv.so.2", "libdl.so.2"))
        + tuple(
            f"{{lib}}/{n}" for n in ("libpthread.so.0", "librt.so.1", "libutil.so.1", "libnss_files.so.2", "libnss_dns.so.2")
        )
        + ("usr/lib*/ld-linux*",),
        "the C library; name service by files and DNS",
    ),
    Keep("libgcc-s1", ("{lib}/libgcc_s.so.1",), "unwinding, for Python's extension modules"),
    Keep("libstdc++6", ("{lib}/libstdc++.so.6*",), "gRPC is C++"),
    Keep("zlib1g", ("{lib}/libz.so.1*",), "Python"),
    Keep("libexpat1", ("{lib}/libexpat.so.1*",), "Python"),
    Keep("libffi8", ("{lib}/libffi.so.8*",), "Python's ctypes"),
    Keep("libssl3t64", ("{lib}/libssl.so.3", "{lib}/libcrypto.so.3"), "Python's ssl and hashlib"),
    Keep("libuuid1", ("{lib}/libuuid.so.1*",), "mke2fs, mkfs.xfs, cryptsetup"),
    Keep("libblkid1", ("{lib}/libblkid.so.1*",), "mke2fs, mkfs.xfs, cryptsetup, mount"),
    Keep("libext2fs2t64", ("{lib}/libext2fs.so.2*", "{lib}/libe2p.so.2*"), "mke2fs"),
    Keep("libcom-err2", ("{lib}/libcom_err.so.2*",), "mke2fs"),
    Keep("libinih1", ("{lib}/libinih.so.1", "{lib}/libinih.so.[0-9][0-9]*"), "mkfs.xfs"),
    Keep("liburcu8t64", ("{lib}/liburcu.so.8*",), "mkfs.xfs"),
    Keep("libcryptsetup12", ("{lib}/libcryptsetup.so.12*",), "cryptsetup"),
    Keep("libdevmapper1.02.1", ("{lib}/libdevmapper.so.1.02.1",), "cryptsetup"),
    Keep("libjson-c5", ("{lib}/libjson-c.so.5*",), "cryptsetup"),
    Keep("libpopt0", ("{lib}/libpopt.so.0*",), "cryptsetup"),
    Keep("libmount1", ("{lib}/libmount.so.1*",), "mount"),
    Keep("libselinux1", ("{lib}/libselinux.so.1",), "mount"),
    Keep("libpcre2-8-0", ("{lib}/libpcre2-8.so.0*",), "libselinux"),
    Keep("libseccomp2", ("{lib}/libseccomp.so.2*",), "runc"),
    Keep("libxtables12", ("{lib}/libxtables.so.12*",), "iptables"),
    Keep("libmnl0", ("{lib}/libmnl.so.0*",), "iptables"),
    Keep("libnftnl11", ("{lib}/libnftnl.so.11*",), "iptables"),
    Keep("libnetfilter-conntrack3", ("{lib}/libnetfilter_conntrack.so.3*",), "one of iptables' matches"),
    Keep("libnfnetlink0", ("{lib}/libnfnetlink.so.0*",), "the same"),
    Keep("libzstd1", ("{lib}/libzstd.so.1*",), "libcrypto"),
    Keep("libsqlite3-0", ("{lib}/libsqlite3.so.0*",), "pyroute2 imports Python's sqlite3 whatever it is used for"),
    Keep("libudev1", ("{lib}/libudev.so.1*",), "pyudev"),
    Keep("libcap2", ("{lib}/libcap.so.2*",), "libudev"),
)
DATA = (
    Keep("netbase", ("etc/protocols", "etc/services"), "names of ports and protocols, which iptables wants"),
    Keep("ca-certificates", (), "the certificates are joined into one file by rootfs.py"),
)
STDLIB = ("libpython3.13-minimal", "libpython3.13-stdlib")  # compiled by python.py, not copied
BOOT_LOADER = "systemd-boot-efi/forky"  # 262 or later: 257 gets stuck when an entry cannot be loaded
GPU_FIRMWARE = "raspi-firmware/forky"  # newer than trixie's, which starts the wrong slot on some boards
KEPT = (*PROGRAMS, *LIBRARIES, *DATA)


def list_packages(board: Board, arch: Arch) -> list[str]:
    """The names of all packages that an image is made of, besides the kernel's and those of module sets."""
    if isinstance(board.boot, RaspberryPi):
        boot_loaders = [GPU_FIRMWARE]
    else:
        boot_loaders = [BOOT_LOADER, *([arch.bios_loader] if arch.bios_loader else [])]
    return [*(keep.package for keep in KEPT), *STDLIB, *boot_loaders]


# Parts of the standard library that a node never imports, with the reason why they may go.
STDLIB_DROPPED = {
    "test": "the interpreter's own tests",
    "idlelib": "an editor",
    "tkinter": "windows",
    "turtledemo": "a demonstration",
    "turtle.py": "a demonstration",
    "ensurepip": "installs a package manager",
    "venv": "makes environments for developers",
    "pydoc_data": "documentation",
    "pydoc.py": "documentation",
    "lib2to3": "converts old sources",
    "_pyrepl": "the interactive prompt",
    "code.py": "an interactive prompt",
    "pdb.py": "the debugger",
    "bdb.py": "the debugger",
    "curses": "terminals",
    "dbm": "a database",
    "wsgiref": "a web server for examples",
    "xmlrpc": "a protocol nobody speaks here",
    "smtplib.py": "mail",
    "imaplib.py": "mail",
    "poplib.py": "mail",
    "mailbox.py": "mail",
    "this.py": "a poem",
    "antigravity.py": "a joke",
    "__phello__": "a test of frozen modules",
    "sitecustomize.py": "a hook of the distribution",
}
EXTENSIONS_DROPPED = (
    "_test*", "_xxtestfuzz*", "xx*", "_ctypes_test*", "_curses*", "_dbm*", "_gdbm*", "_tkinter*", "readline*",
    "_codecs_*", "_multibytecodec*", "_lzma*", "_bz2*", "_lsprof*",
)  # fmt: skip
