"""`ophite identify`."""

import click

from api.cli.progress import Duration
from api.cli.settings import Settings, insecure_options, node_options, pass_settings


@click.command()
@click.option("--for", "seconds", type=Duration(), default="60s", show_default=True, help="How long; at most 1h.")
@click.option("--off", is_flag=True, help="End it now.")
@insecure_options
@node_options
@pass_settings
def command(settings: Settings, seconds: float, off: bool) -> None:
    """Have the LEDs of a node blink, so that you find it."""
    from api.generated import hardware_pb2 as pb

    if not off and not seconds:
        raise click.UsageError("--for 0 shows nothing; to end it, use --off")
    with settings.connect() as node:
        request = pb.IdentifyRequest(seconds=0.0 if off else seconds)
        leds = ", ".join(node.call("HardwareService.Identify", request, pb.IdentifyResponse).leds)
        click.echo(f"{node.address}: {leds} {'as before' if off else f'blink for {seconds:g} s'}")
