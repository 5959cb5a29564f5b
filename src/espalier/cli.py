"""The command line: `espalier VERB`, each verb a file in `commands/`.

Knobs live in the study file, verbs here.  Exit status: 0 done; 1 something of the study failed or
is missing; 2 the user can mend it (one line on stderr); 130 interrupted.  A bug shows its
traceback.
"""

from __future__ import annotations

import sys

import click

from espalier import __version__
from espalier.errors import EspalierError, choices
from espalier.shelf import Shelf

commands: Shelf[click.Command] = Shelf("espalier.commands")

ORDER = (
    *(
        "quickstart",
        "init",
        "plan",
        "run",
        "status",
        "results",
        "analyze",
        "recommend",
        "report",
        "explain",
    ),
    *("eval", "score", "data", "train", "base", "doctor"),
)
"""The verbs in the order a newcomer meets them; the rest follow by name."""


class Verbs(click.Group):
    """Finds the verbs on their shelf, and imports the one that is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """Return the verbs in the order a newcomer meets them."""
        names = [name.removesuffix("_") for name in commands]
        return [n for n in ORDER if n in names] + [n for n in names if n not in ORDER]

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:  # noqa: ARG002
        """Import one verb."""
        modules = {module.removesuffix("_"): module for module in commands}  # some verbs are taken
        return commands[modules[name]] if name in modules else None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Answer an unknown verb with what there is."""
        if args and self.get_command(ctx, args[0]) is None and not args[0].startswith("-"):
            known = self.list_commands(ctx)
            raise click.UsageError(f"no command '{args[0]}'; {choices(args[0], known)}")
        return super().resolve_command(ctx, args)


@click.group(
    cls=Verbs,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="New here?  `espalier quickstart` runs a true study in minutes and shows its report.",
)
@click.version_option(__version__, prog_name="espalier")
def verbs() -> None:
    """How much of which fine-tuning data, in which mix, in which order, for which model.

    A study file asks; Espalier plans it, runs it, and says what the numbers can bear.
    """


def main() -> None:
    """Run the command line; refusals are one line, bugs are tracebacks."""
    try:
        sys.exit(verbs.main(standalone_mode=False) or 0)
    except EspalierError as error:
        _refuse(str(error))
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message())
        sys.exit(0)
    except click.UsageError as error:
        verb = error.ctx if error.ctx and error.ctx.parent else None
        see = f" See `{verb.command_path} --help`." if verb else ""
        _refuse(f"{error.format_message()}{see}")
    except click.ClickException as error:
        _refuse(error.format_message())
    except (KeyboardInterrupt, click.Abort):
        click.echo("interrupted; the same command goes on from here", err=True)
        sys.exit(130)
    except BrokenPipeError:  # `espalier ... | head`
        sys.stderr.close()
        sys.exit(0)


def _refuse(message: str) -> None:
    click.echo(f"espalier: {' '.join(message.split())}", err=True)
    sys.exit(2)


if __name__ == "__main__":
    main()
