"""A sysfs of files, for tests."""

from pathlib import Path


def make(root: Path, files: dict[str, str | int]) -> Path:
    """Write files by path below `root`; a text that begins with `->` is a link."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if str(text).startswith("->"):
            path.symlink_to(str(text)[2:])
        else:
            path.write_text(f"{text}\n")
    return root
