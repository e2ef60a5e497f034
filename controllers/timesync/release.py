"""When this image was built: no true time is before that."""

import msgspec

from controllers.ports import Paths


def read_built(paths: Paths) -> float:
    """Return the build's epoch in seconds, 0 when the image does not say."""
    try:
        release = msgspec.json.decode(paths.release.read_bytes())
        return float(release["built"])
    except (OSError, msgspec.DecodeError, LookupError, TypeError, ValueError):
        return 0.0
