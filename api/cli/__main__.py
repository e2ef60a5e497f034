"""The command line's entry: `ophite` and `python -m api.cli`."""

from api.cli.root import cli


def main() -> None:
    """Run one command and exit: 0 done, 1 it failed, 2 wrong usage."""
    cli(prog_name="ophite")


if __name__ == "__main__":
    main()
