"""Files of the user's laid over the root tree: `--overlay DIR`.

`DIR/etc/x` becomes `/etc/x`; a source below `DIR/usr/lib/ophite` is compiled, because the root has byte code only. What is laid
over `init` is in the initramfs too, which is made from the root's files.
Trap: files of the tree share their content with the cache (hard links), so a file is replaced and never written into.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

from image.errors import ImageError
from image.python import CODE_DIRECTORY, compile_tree


def check_overlay(overlay: Path) -> None:
    """Raise `ImageError` when it is not a directory with files."""
    if not overlay.is_dir():
        raise ImageError(f"{overlay}: no such directory", "--overlay DIR, where DIR/etc/x becomes /etc/x")
    if not any(path.is_file() or path.is_symlink() for path in overlay.rglob("*")):
        raise ImageError(f"{overlay}: no files in it", "--overlay DIR, where DIR/etc/x becomes /etc/x")


def lay_overlay(overlay: Path, root: Path, tools: Path) -> None:
    """Lay the files over the tree `root`; raises `ImageError` when a source does not compile."""
    with TemporaryDirectory(dir=root.parent, prefix=".overlay.") as scratch:
        staging = Path(scratch) / "files"
        shutil.copytree(overlay, staging, symlinks=True)
        sources = [path for path in sorted((staging / CODE_DIRECTORY).rglob("*.py")) if path.is_file()]
        if sources:
            compile_tree(tools, staging / CODE_DIRECTORY, staging / CODE_DIRECTORY, f"/{CODE_DIRECTORY}")
        for path in sources:
            path.unlink()
        for path in sorted(staging.rglob("*")):
            if path.is_symlink() or not path.is_dir():
                replace_file(path, root / path.relative_to(staging))


def replace_file(source: Path, target: Path) -> None:
    """Move a file or link into the tree, in the place of what is there."""
    if target.is_dir() and not target.is_symlink():
        raise ImageError(f"the overlay has a file where the root has the directory {target.name}", "correct the overlay")
    target.parent.mkdir(parents=True, exist_ok=True)
    source.replace(target)
