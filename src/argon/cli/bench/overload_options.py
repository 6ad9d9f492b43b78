"""The options of `argon bench` that only `--overload` has.

In: what was typed. Out: a plan with what was given, the defaults elsewhere; or a usage error for what makes no sense.
Nothing here measures, or imports what measuring needs before it is asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING

import click

from argon.cli.arguments import bad_value, files, number, whole_number, words
from argon.cli.bench.task_times import Distribution

if TYPE_CHECKING:
    from argon.cli.bench.overload import Overloaded, OverloadPlan

OVERLOAD_WORKERS = 8
MOST_FACTOR = 1000.0


def parse_distribution(value: object) -> Distribution:
    """Reads a distribution by its name."""
    try:
        return Distribution(str(value))
    except ValueError:
        raise bad_value("--distribution", f"must be one of {', '.join(Distribution)}", value) from None


def picture_file(value: object) -> Path:
    """Reads the name of a picture that can be written."""
    file = Path(str(value))
    if file.suffix != ".png" or not file.parent.is_dir():
        raise bad_value("--plot", "must be a file that ends in .png, in a directory that exists", value)
    return file


factors_argument = click.argument(
    "factors",
    metavar="[FACTOR]...",
    nargs=-1,
    type=number("FACTOR", 0.1, MOST_FACTOR),
    help="With --overload: the load of each spike, as a multiple of what the workers can do; 2, 5 and 10 by default.",
)
overload_option = click.option(
    "--overload", is_flag=True, help="Submit more tasks than the workers can do, and measure what happens."
)
calm_option = click.option(
    "--calm-s",
    metavar="S",
    type=number("--calm-s", 0.5, 3600.0),
    help="With --overload: seconds at half of what the workers can do, before the spike; 5 by default.",
)
spike_option = click.option(
    "--spike-s",
    metavar="S",
    type=number("--spike-s", 0.5, 3600.0),
    help="With --overload: length of a spike in seconds; 10 by default.",
)
slo_option = click.option(
    "--slo-ms",
    metavar="MS",
    type=whole_number("--slo-ms", 1, 3_600_000),
    help="With --overload: an answer that takes longer does not count as goodput; 500 by default.",
)
timeout_ms_option = click.option(
    "--timeout-ms",
    metavar="MS",
    type=whole_number("--timeout-ms", 1, 3_600_000),
    help="With --overload: timeout of each task; none by default.",
)
distribution_option = click.option(
    "--distribution",
    metavar="NAME",
    type=parse_distribution,
    shell_complete=words(*Distribution),
    help="With --overload: distribution of the run times, whose mean is --sleep-ms: constant (the default), lognormal "
    "(sigma 1.5), pareto (alpha 1.6) or bimodal (5 % of the tasks take 100 times as long as the others).",
)
plot_option = click.option(
    "--plot",
    metavar="FILE.png",
    type=picture_file,
    shell_complete=files,
    help="With --overload: also draw a picture (needs matplotlib).",
)


@dataclass(frozen=True)
class GivenOverload:
    """What was given of these options; None, or no factor, stands for what was not."""

    factors: Sequence[float]
    calm_s: float | None
    spike_s: float | None
    slo_ms: int | None
    timeout_ms: int | None
    distribution: Distribution | None
    plot: Path | None

    def refuse(self) -> None:
        """Makes a usage error of whatever was given: without --overload it would do nothing."""
        for field in fields(self):
            if getattr(self, field.name):
                option = "FACTOR" if field.name == "factors" else f"--{field.name.replace('_', '-')}"
                raise click.BadParameter("it works only with --overload", param_hint=option)

    def plan(self, **more: int | None) -> OverloadPlan:
        """The plan, with the given options and some more."""
        from argon.cli.bench.overload import OverloadPlan

        given = {**vars(self), **more, "factors": tuple(self.factors)}
        del given["plot"]
        return OverloadPlan(**{name: value for name, value in given.items() if value})

    def picture(self) -> Callable[[Overloaded], None]:
        """What draws the picture that was asked for, if one was.

        Raises:
            CommandFailed: there is no matplotlib; better known before the measurement than after.
        """
        file = self.plot
        if file is None:
            return lambda measured: None
        from argon.cli.bench.overload_picture import draw, drawing_library

        library = drawing_library()
        return lambda measured: draw(library, measured, file)
