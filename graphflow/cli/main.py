"""The command line: ``graphflow run | dump | draw | profile | debug | devices | ops``, ...."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence

from graphflow import errors
from graphflow.cli.completion import SHELLS, completion
from graphflow.cli.dump import FORMATS, GPUS, STAGES
from graphflow.cli.output import OneOf, check_folder, write_output
from graphflow.cli.script import run_script
from graphflow.version import VERSION
from graphflow.views.colours import SCHEMES as COLORS
from graphflow.views.drawing import FORMATS as PICTURES
from graphflow.views.drawing import STAGES as DRAWN

ACTIONS = ("path", "size", "clear")  # of the cache
TARGETS = (
    "a script (all other arguments are its own), module:function, a .pb, .pbtxt or .meta file, "
    "a SavedModel's folder"
)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="graphflow",
        description="Runs TensorFlow 1.x scripts, compiled, and shows what was compiled.",
        epilog="example: graphflow run train.py --epochs 3. Exit codes: 0; 1 when a script fails "
        "or a check finds something; 2 for wrong usage. A script's own exit code is passed on.",
    )
    parser.add_argument("--version", action="version", version=f"graphflow {VERSION}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")
    _add_run(commands)
    _add_dump(commands)
    _add_draw(commands)
    _add_profile(commands)
    _add_debug(commands)
    _add_small_commands(commands)
    return parser


def _add_small_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    devices = commands.add_parser(
        "devices",
        help="the processors that code is compiled for, and what a report of a fault needs",
        epilog="example: graphflow devices --json",
    )
    devices.add_argument("--json", action="store_true", help="print data")
    ops = commands.add_parser(
        "ops", help="the table of operations", epilog="example: graphflow ops MatMul"
    )
    form = ops.add_mutually_exclusive_group()
    form.add_argument("--markdown", action="store_true", help="print a table, as without options")
    form.add_argument("--json", action="store_true", help="print data")
    ops.add_argument("name", nargs="?", metavar="NAME", help="one operation only")
    cache = commands.add_parser(
        "cache",
        help="the compiled objects on disk",
        description="Shows or empties the folder of compiled objects.",
        epilog="example: graphflow cache clear",
    )
    cache.add_argument(
        "action", type=OneOf(ACTIONS), metavar="ACTION", help=f"one of {', '.join(ACTIONS)}"
    )
    shell = commands.add_parser(
        "completion",
        help="a script by which a shell completes graphflow's commands",
        epilog="example: graphflow completion bash >> ~/.bash_completion",
    )
    shell.add_argument(
        "shell", type=OneOf(SHELLS), metavar="SHELL", help=f"one of {', '.join(SHELLS)}"
    )


def _add_script(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("script", help="a Python script; its `import tensorflow` gives graphflow")
    parser.add_argument("args", nargs=argparse.REMAINDER, help="the script's own arguments")


def _add_run(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    run = commands.add_parser(
        "run",
        help="run a script",
        description="Runs a script in which `import tensorflow` gives graphflow.",
        epilog="example: graphflow run --verify train.py --epochs 3",
    )
    run.add_argument(
        "--verify",
        action="store_true",
        help="compute every run by the interpreter too and report the first tensor that differs",
    )
    _add_script(run)


def _add_dump(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    show = commands.add_parser(
        "dump",
        help="print what is compiled for a script's runs, or for a model",
        description="Prints one stage of each compiled run. A script is run, and what it prints "
        "itself goes to the standard error stream; everything else is compiled without running.",
        epilog="example: graphflow dump train.py --stage kernels --run 2",
    )
    show.add_argument(
        "--stage", type=OneOf(STAGES), default="kernels", metavar="STAGE",
        help=f"what to print: {', '.join(STAGES)}",
    )  # fmt: skip
    show.add_argument(
        "--format", type=OneOf(FORMATS), default="text", metavar="FORM",
        help=f"as {', '.join(FORMATS)}",
    )  # fmt: skip
    show.add_argument("--run", type=int, metavar="N", help="only the N-th compiled run, from 1")
    show.add_argument("--why", metavar="NAME", help="what became of a node or an operation")
    show.add_argument("--diff", action="store_true", help="what each pass changed")
    show.add_argument(
        "--gpu", type=OneOf(GPUS), default="sm_80", metavar="sm_NN",
        help="the GPU that PTX is for; none is needed",
    )  # fmt: skip
    show.add_argument("-o", "--output", metavar="FILE", help="a file to write, whole or not at all")
    _add_target(show)


def _add_profile(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    show = commands.add_parser(
        "profile",
        help="where the time of a script's runs goes",
        description="Runs a script step by step and adds up: time, bytes and arithmetic of each "
        "kernel, memory, compilation. What the script prints goes to the standard error stream. "
        "Other graphs are run ten times, with drawn values for their placeholders.",
        epilog="example: graphflow profile --html profile.html train.py --epochs 3",
    )
    show.add_argument("--html", metavar="FILE", help="a page with a flame chart to write")
    show.add_argument(
        "--trace", metavar="FILE", help="a trace to write, for Perfetto or chrome://tracing"
    )
    show.add_argument("--json", action="store_true", help="print data in place of the table")
    show.add_argument(
        "--top", type=_count, metavar="N", help="only the N steps of each run that took longest"
    )
    show.add_argument("--run", type=_count, metavar="N", help="only the N-th compiled run, from 1")
    show.add_argument(
        "--feed", type=_feed, action="append", default=[], metavar="NAME=FILE",
        help="a placeholder's value, from a file of numpy.save; of what is no script, may be "
        "given again",
    )  # fmt: skip
    show.add_argument("target", help=f"{TARGETS}; no checkpoint")
    show.add_argument("args", nargs=argparse.REMAINDER, help="the script's own arguments")


def _add_debug(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    look = commands.add_parser(
        "debug",
        help="run a script and look at its runs: NaNs, differences, values",
        description="Runs a script with each run computed by the interpreter too, which is slow. "
        "Reports go to the standard error stream.",
        epilog="example: graphflow debug --nan --watch loss train.py --epochs 3",
    )
    look.add_argument(
        "--nan", action="store_true",
        help="stop at the first operation that makes a NaN or an infinity out of finite values",
    )  # fmt: skip
    look.add_argument(
        "--verify", action="store_true",
        help="report the first tensor in which a run differs from the interpreter",
    )  # fmt: skip
    look.add_argument(
        "--watch", action="append", default=[], metavar="NAME",
        help="print a tensor's or variable's statistics at every run; may be given again",
    )  # fmt: skip
    _add_script(look)


def _feed(text: str) -> tuple[str, str]:
    name, equals, path = text.partition("=")
    if not name or not equals or not path:
        raise argparse.ArgumentTypeError(f"expected NAME=FILE, got {text!r}")
    return name, path


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a number from 1 on, got {text!r}")
    return int(text)


def _add_draw(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    picture = commands.add_parser(
        "draw",
        help="draw a script's graph, or a model's, and what was compiled",
        description="Draws nested scopes with what passes between them. An .html file is a page in "
        "which scopes fold and unfold; .png and .pdf need the extra viz.",
        epilog="example: graphflow draw -o train.html train.py",
    )
    picture.add_argument(
        "-o", "--output", required=True, metavar="FILE",
        help=f"a file to write, whole or not at all; ends in .{', .'.join(PICTURES)}",
    )  # fmt: skip
    picture.add_argument(
        "--stage", type=OneOf(DRAWN), default="graph", metavar="STAGE",
        help=f"what to draw: {', '.join(DRAWN)}",
    )  # fmt: skip
    picture.add_argument(
        "--depth", type=_depth, metavar="N",
        help="open scopes that deep, 0 for none; as deep as stays legible if not given",
    )  # fmt: skip
    picture.add_argument(
        "--color", type=OneOf(COLORS), default="kind", metavar="WHAT",
        help=f"what colours tell: {', '.join(COLORS)}",
    )  # fmt: skip
    picture.add_argument(
        "--profile", action="store_true",
        help="measure the runs, and show times; --color time colours by them",
    )  # fmt: skip
    picture.add_argument(
        "--run", type=int, metavar="N", help="the N-th compiled run, from 1; else the largest"
    )
    _add_target(picture)


def _depth(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"expected 0 or more, got {text}")
    return int(text)


def _add_target(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("target", help=f"{TARGETS}, or a checkpoint")


def _dump(options: argparse.Namespace, others: Sequence[str]) -> int:
    from graphflow.cli.dump import DumpError, dump, needed_stage
    from graphflow.cli.targets import TargetError, load_target

    try:
        check_folder(options.output)  # before a script runs for long
        until = needed_stage(options.stage, options.why, options.diff)
        target = load_target(options.target, others, until)
        text = dump(
            target, options.stage, options.run, options.format, options.why, options.diff,
            options.gpu,
        )  # fmt: skip
        write_output(text, options.output)
    except (DumpError, TargetError, OSError, errors.OpError, ValueError) as error:
        sys.stderr.write(f"graphflow dump: {error}\n")
        return 2
    return target.status


def _profile(options: argparse.Namespace) -> int:
    from graphflow.cli.profile import profile
    from graphflow.cli.targets import TargetError

    try:
        check_folder(options.html)
        check_folder(options.trace)
        return profile(
            options.target, options.args, options.html, options.trace, options.json, options.top,
            options.run, dict(options.feed),
        )  # fmt: skip
    except (TargetError, OSError, errors.OpError, ValueError) as error:
        sys.stderr.write(f"graphflow profile: {error}\n")
        return 2


def _draw(options: argparse.Namespace, others: Sequence[str]) -> int:
    from graphflow.cli.draw import DrawError, target_drawing
    from graphflow.cli.targets import TargetError, load_target
    from graphflow.views.drawing import path_format

    try:
        path_format(options.output)  # before a script runs for long
        check_folder(options.output)
        if options.profile:
            from graphflow.cli.runs import measured_target

            target = measured_target(options.target, others)
        else:
            target = load_target(options.target, others, until=None)
        drawing = target_drawing(target, options.stage, options.depth, options.run, options.color)
        drawing.save(options.output)
    except (DrawError, TargetError, ImportError, OSError, errors.OpError, ValueError) as error:
        sys.stderr.write(f"graphflow draw: {error}\n")
        return 2
    return target.status


def _run(script: str, arguments: Sequence[str], verify: bool) -> int:
    if not verify:
        return run_script(script, arguments)
    from graphflow.cli.debug import debug

    return debug(script, arguments, nan=False, verify=True, watch=())


def _debug(options: argparse.Namespace) -> int:
    from graphflow.cli.debug import debug

    if not (options.nan or options.verify or options.watch):
        sys.stderr.write("graphflow debug: expected one of --nan, --verify, --watch NAME\n")
        return 2
    return debug(options.script, options.args, options.nan, options.verify, options.watch)


def _ops(options: argparse.Namespace) -> int:
    import graphflow  # noqa: F401  # loads all families
    from graphflow.cli.optable import UnknownOp, op_data, op_table, op_text

    try:
        data = op_data(options.name)
    except UnknownOp as error:
        sys.stderr.write(f"graphflow ops: {error}\n")
        return 2
    if options.json:
        sys.stdout.write(json.dumps(data, indent=1) + "\n")
    else:
        sys.stdout.write(op_text(data[0]) if options.name else op_table())
    return 0


def _check_command(parser: argparse.ArgumentParser, name: str) -> None:
    """End with near matches for a command that is none."""
    (commands,) = (a for a in parser._actions if isinstance(a, argparse._SubParsersAction))
    try:
        OneOf(list(commands.choices))(name)
    except argparse.ArgumentTypeError as error:
        parser.error(f"command: {error}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit status."""
    parser = _parser()
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given and not given[0].startswith("-"):
        _check_command(parser, given[0])
    options, others = parser.parse_known_args(given)
    if others and options.command not in ("dump", "draw"):
        parser.error(f"unrecognized arguments: {' '.join(others)}")
    if options.command == "run":
        return _run(options.script, options.args, options.verify)
    if options.command == "dump":
        return _dump(options, others)
    if options.command == "draw":
        return _draw(options, others)
    if options.command == "profile":
        return _profile(options)
    if options.command == "debug":
        return _debug(options)
    if options.command == "ops":
        return _ops(options)
    if options.command == "completion":
        sys.stdout.write(completion(parser, options.shell))
        return 0
    from graphflow.cli.machine import manage_cache, show_devices

    if options.command == "cache":
        return manage_cache(options.action)
    return show_devices(options.json)


if __name__ == "__main__":
    sys.exit(main())
