"""A call that was mistyped, told in the reader's language: what is wrong, how it is written, where help stands."""

from typing import Any

import click

from cloudctl.cli.command import near_ones, translate


def tell_usage(failure: click.UsageError) -> None:
    """On stderr: the usage line, the error, near spellings."""
    if isinstance(failure, click.exceptions.NoArgsIsHelpError):
        click.echo(failure.format_message(), err=True)
        return
    if failure.ctx is None:
        click.echo(translate("Error: {message}", message=_sentence(failure)), err=True)
        return
    with failure.ctx.scope(cleanup=False):
        click.echo(failure.ctx.get_usage(), err=True)
        click.echo(translate("Error: {message}", message=_sentence(failure)), err=True)
        click.echo(translate("Help: {command}", command=f"{failure.ctx.command_path} --help"), err=True)


def _sentence(failure: click.UsageError) -> str:
    match failure:
        case click.MissingParameter(param=click.Parameter() as parameter):
            return translate("{name} is missing.", name=_name(parameter, failure.ctx))
        case click.BadParameter(param=click.Parameter() as parameter):
            wanted = _wanted(parameter.type) or failure.message
            return translate("{name}: {wanted}", name=_name(parameter, failure.ctx), wanted=wanted)
        case click.NoSuchOption():
            told = translate("There is no option {name}.", name=failure.option_name)
            return " ".join(filter(None, [told, near_ones(failure.option_name, _options(failure.ctx))]))
        case click.BadOptionUsage() if _is_flag(failure):
            return translate("{name} takes no value.", name=failure.option_name)
        case click.BadOptionUsage():
            return translate("{name} needs a value.", name=failure.option_name)
        case _:
            return failure.format_message()


def _wanted(kind: click.ParamType[Any]) -> str | None:
    """What a value of click's own types must be; None where the type speaks for itself."""
    match kind:
        case click.Choice():
            return translate("it must be one of {choices}.", choices=", ".join(map(str, kind.choices)))
        case click.types.IntRange() | click.types.FloatRange():
            return translate("it must be a number in {range}.", range=_range(kind.min, kind.max))
        case _ if kind is click.INT:
            return translate("it must be a whole number.")
        case _ if kind is click.FLOAT:
            return translate("it must be a number.")
        case click.Path(exists=True) | click.File():
            return translate("there is no such file, or it cannot be read.")
        case _:
            return None


def _range(low: float | None, high: float | None) -> str:
    return f"{'-∞' if low is None else low} … {'∞' if high is None else high}"


def _name(parameter: click.Parameter, ctx: click.Context | None) -> str:
    if isinstance(parameter, click.Option):
        return max(parameter.opts, key=len)
    return parameter.make_metavar(ctx) if ctx else str(parameter.name)


def _options(ctx: click.Context | None) -> list[str]:
    return [name for parameter in (ctx.command.get_params(ctx) if ctx else []) for name in parameter.opts]


def _is_flag(failure: click.BadOptionUsage) -> bool:
    parameters = failure.ctx.command.get_params(failure.ctx) if failure.ctx else []
    return any(getattr(p, "is_flag", False) and failure.option_name in p.opts for p in parameters)
