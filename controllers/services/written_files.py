"""Services start when the files that they read are written, and restart when one changes that they read only once.

The hash is that of the file as it *is* on disk (FileStatus), so a restart never comes before the new content does.
"""

from controllers.resources.machine import FileStatus
from controllers.runtime.controller import View
from controllers.runtime.errors import Waiting


def get_written(view: View, path: str) -> str:
    """Return the hash of a file. The controller declares `Input(FileStatus)`. Raises `Waiting` until it is written."""
    status = view.find(FileStatus, path)
    if status is None or not (status.spec.sha256 or status.spec.error):
        raise Waiting(f"{path} to be written")
    if status.spec.error:
        raise Waiting(f"{path} to be written, which failed: {status.spec.error}")
    return status.spec.sha256
