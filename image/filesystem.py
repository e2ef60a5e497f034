"""The root image: EROFS with the dm-verity hash tree behind it, as it lies in a partition.

Trap: with a SOURCE_DATE_EPOCH in its environment mkfs.erofs keeps the times of files that are older, whatever -T says, so the
same tree would give another image each time that its files were made anew.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from image.cache import Cache, digest
from image.context import RootImage
from image.errors import ImageError
from image.formats.verity import BLOCK, build_tree
from image.run import run
from image.tools import loader_argv

# lz4hc: as quick to read as none, 40 % of the size; level 9 takes four times as long and saves 3 %; zstd and lzma slow the
# boot down.
COMPRESSION = ("-zlz4hc,3", "-C32768")
FIXED = ("-T0", "-U", "6f706869-7465-4000-8000-726f6f740000", "--all-root", "--quiet", f"-b{BLOCK}")
NO_TIMES = {"SOURCE_DATE_EPOCH": "0"}  # no file is older
TIMEOUT = 900.0  # seconds


def make_root_image(cache: Cache, tools: Path, root: Path) -> RootImage:
    """`root.erofs` of a tree in the cache."""

    def make(directory: Path) -> None:
        path = directory / "root.erofs"
        argv: list[str | Path] = [*loader_argv(tools, "usr/bin/mkfs.erofs"), *COMPRESSION, *FIXED, path, root]
        run(argv, env=NO_TIMES, timeout=TIMEOUT)
        facts = append_tree(path)
        facts["tree_bytes"] = sum(p.lstat().st_size for p in root.rglob("*") if p.is_file() and not p.is_symlink())
        (directory / "facts.json").write_text(json.dumps(facts))

    key = digest(
        "erofs", root.name, tools.name, COMPRESSION, FIXED, Path(__file__), Path(__file__).parent / "formats/verity.py"
    )
    entry = cache.entry("erofs", key[:24], make)
    return RootImage(path=entry / "root.erofs", **json.loads((entry / "facts.json").read_text()))


def append_tree(path: Path) -> dict[str, str | int]:
    """Append the hash tree to a file system; root hash, salt and block count. The salt is the data's own hash, so that
    it is different for each image and the same for the same image."""
    size = path.stat().st_size
    if size % BLOCK:
        raise ImageError(f"{path.name}: {size} bytes, not a multiple of {BLOCK}", "mkfs.erofs did not finish")
    with path.open("rb") as file:
        salt = hashlib.file_digest(file, "sha256").digest()
        file.seek(0)
        tree = build_tree(file, salt)
    with path.open("ab") as file:
        file.write(tree.data)
    return {"root_hash": tree.root_hash, "salt": salt.hex(), "blocks": tree.blocks}
