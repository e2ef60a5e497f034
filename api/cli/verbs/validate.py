"""`ophite validate`."""

import click

from api.cli.files import read_text


@click.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option("--partial", is_flag=True, help="Do not ask for a complete configuration.")
@click.pass_context
def command(ctx: click.Context, files: tuple[str, ...], partial: bool) -> None:
    """Check configuration files.

    Every problem is listed with its place and the way out; the exit status is 1 if there is any. `-` is standard input.
    """
    count = 0
    for file in files:
        problems = find_problems(read_text(file), file, partial)
        for problem in problems:
            click.echo(problem, err=True)
        count += len(problems)
        if not problems:
            click.echo(f"{file}: fine")
    if count:
        click.secho("1 problem" if count == 1 else f"{count} problems", err=True, fg="red")
        ctx.exit(1)


def find_problems(text: str, file: str, partial: bool) -> list[str]:
    """Return every problem of a configuration as a line."""
    import msgspec

    from controllers.config.loader import load
    from controllers.config.validation import find_conflicts, find_missing

    loaded = load(text, file)
    later = find_conflicts(loaded.documents)
    if not loaded.problems and not partial:
        later += find_missing(loaded.documents)
    return [str(msgspec.structs.replace(problem, file=file)) for problem in (*loaded.problems, *later)]
