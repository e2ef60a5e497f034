"""The API server process on a node: `python3.13 -I -S /usr/lib/ophite/api/server/__main__.pyc`.

`-I -S` leave our own tree and the wheels out of the path, so both are put there first.
"""

import sys


def main() -> None:
    """Serve until PID 1 ends this process."""
    root = __file__.rpartition("/api/server/")[0]
    sys.path[:0] = [root, f"{root}/site-packages"]

    import asyncio
    import logging
    import os
    import signal

    os.environ.setdefault("GRPC_VERBOSITY", "ERROR")  # a line for every handshake that fails would be a gift to scanners

    from api.server.face import Face

    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(levelname)s %(name)s: %(message)s")

    async def run() -> None:
        task = asyncio.ensure_future(Face().run())
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
        await task

    try:
        asyncio.run(run())
    except asyncio.CancelledError:
        pass
    except OSError as error:
        sys.exit(f"ophite-api: {error}")


if __name__ == "__main__":
    main()
