"""`cloudctl completion …`."""

import click
from click.shell_completion import get_completion_class

from cloudctl.cli.command import TranslatedCommand

# Set by the scripts while a word is being completed; read in main.
COMPLETING = "_CLOUDCTL_COMPLETE"
SHELLS = ("bash", "zsh", "fish")


@click.command(
    cls=TranslatedCommand,
    examples=[
        'eval "$(cloudctl completion bash)"',
        "cloudctl completion fish > ~/.config/fish/completions/cloudctl.fish",
    ],
)
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print the shell completion script."""
    kind = get_completion_class(shell)
    assert kind is not None
    click.echo(kind(context.find_root().command, {}, "cloudctl", COMPLETING).source())
