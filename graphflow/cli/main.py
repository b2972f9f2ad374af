"""The command line: ``graphflow run | dump | draw | devices | ops | cache``."""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from graphflow import errors
from graphflow.cli.dump import FORMATS, GPUS, STAGES
from graphflow.cli.output import one_of, write_output
from graphflow.cli.script import run_script
from graphflow.version import VERSION
from graphflow.views.colours import SCHEMES as COLORS
from graphflow.views.drawing import FORMATS as PICTURES
from graphflow.views.drawing import STAGES as DRAWN


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="graphflow",
        description="Runs TensorFlow 1.x scripts, compiled, and shows what was compiled.",
        epilog="example: graphflow run train.py --epochs 3",
    )
    parser.add_argument("--version", action="version", version=f"graphflow {VERSION}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")
    _add_run(commands)
    _add_dump(commands)
    _add_draw(commands)
    commands.add_parser(
        "devices",
        help="the processors that code is compiled for",
        epilog="example: graphflow devices",
    )
    commands.add_parser("ops", help="the table of operations", epilog="example: graphflow ops")
    cache = commands.add_parser(
        "cache",
        help="the compiled objects on disk",
        description="Shows or empties the folder of compiled objects.",
        epilog="example: graphflow cache clear",
    )
    cache.add_argument("action", choices=["path", "size", "clear"])
    return parser


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
        "--stage", type=one_of(STAGES), default="kernels", metavar="STAGE",
        help=f"what to print: {', '.join(STAGES)}",
    )  # fmt: skip
    show.add_argument(
        "--format", type=one_of(FORMATS), default="text", metavar="FORM",
        help=f"as {', '.join(FORMATS)}",
    )  # fmt: skip
    show.add_argument("--run", type=int, metavar="N", help="only the N-th compiled run, from 1")
    show.add_argument("--why", metavar="NAME", help="what became of a node or an operation")
    show.add_argument("--diff", action="store_true", help="what each pass changed")
    show.add_argument(
        "--gpu", type=one_of(GPUS), default="sm_80", metavar="sm_NN",
        help="the GPU that PTX is for; none is needed",
    )  # fmt: skip
    show.add_argument("-o", "--output", metavar="FILE", help="a file to write, whole or not at all")
    _add_target(show)


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
        "--stage", type=one_of(DRAWN), default="graph", metavar="STAGE",
        help=f"what to draw: {', '.join(DRAWN)}",
    )  # fmt: skip
    picture.add_argument(
        "--depth", type=_depth, metavar="N",
        help="open scopes that deep, 0 for none; as deep as stays legible if not given",
    )  # fmt: skip
    picture.add_argument(
        "--color", type=one_of(COLORS), default="kind", metavar="WHAT",
        help=f"what colours tell: {', '.join(COLORS)}",
    )  # fmt: skip
    picture.add_argument(
        "--run", type=int, metavar="N", help="the N-th compiled run, from 1; else the largest"
    )
    _add_target(picture)


def _depth(text: str) -> int:
    depth = int(text)
    if depth < 0:
        raise argparse.ArgumentTypeError(f"expected 0 or more, got {depth}")
    return depth


def _add_target(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "target",
        help="a script (all other arguments are its own), module:function, a .pb, .pbtxt or .meta "
        "file, a SavedModel's folder, or a checkpoint",
    )


def _dump(options: argparse.Namespace, others: Sequence[str]) -> int:
    from graphflow.cli.dump import DumpError, dump
    from graphflow.cli.targets import TargetError, load_target

    try:
        target = load_target(options.target, others)
        text = dump(
            target, options.stage, options.run, options.format, options.why, options.diff,
            options.gpu,
        )  # fmt: skip
        write_output(text, options.output)
    except (DumpError, TargetError, OSError, errors.OpError, ValueError) as error:
        sys.stderr.write(f"graphflow dump: {error}\n")
        return 2
    return target.status


def _draw(options: argparse.Namespace, others: Sequence[str]) -> int:
    from graphflow.cli.draw import DrawError, target_drawing
    from graphflow.cli.targets import TargetError, load_target
    from graphflow.views.drawing import path_format

    try:
        path_format(options.output)  # before a script runs for long
        target = load_target(options.target, others)
        drawing = target_drawing(target, options.stage, options.depth, options.run, options.color)
        drawing.save(options.output)
    except (DrawError, TargetError, ImportError, OSError, errors.OpError, ValueError) as error:
        sys.stderr.write(f"graphflow draw: {error}\n")
        return 2
    return target.status


def _run(script: str, arguments: Sequence[str], verify: bool) -> int:
    if not verify:
        return run_script(script, arguments)
    from graphflow.runtime.verify import verifying

    with verifying() as verifier:
        status = run_script(script, arguments)
    if verifier.difference:
        sys.stderr.write(f"graphflow: verify: {verifier.difference}\n")
        return status or 1
    more = f", {verifier.skipped} with Python calls not checked" if verifier.skipped else ""
    sys.stderr.write(f"graphflow: verify: {verifier.checked} runs agree{more}\n")
    return status


def _devices() -> int:
    from graphflow.codegen.target import host_target
    from graphflow.runtime.pool import default_threads

    target = host_target()
    sys.stdout.write(
        f"/device:CPU:0  {target.cpu} ({target.triple}), {target.vector_bits}-bit vectors, "
        f"{default_threads()} threads\n"
    )
    return 0


def _ops() -> int:
    import graphflow  # noqa: F401  # loads all families
    from graphflow.cli.optable import op_table

    sys.stdout.write(op_table())
    return 0


def _cache(action: str) -> int:
    from graphflow.codegen.object_cache import cache_folder

    folder = cache_folder()
    if folder is None:
        sys.stdout.write("no cache: GRAPHFLOW_CACHE_DIR is empty\n")
        return 0
    if action == "path":
        sys.stdout.write(f"{folder}\n")
        return 0
    objects = sorted(folder.glob("[0-9a-f][0-9a-f]/*.o")) if folder.is_dir() else []
    size = sum(path.stat().st_size for path in objects)
    if action == "size":
        sys.stdout.write(f"{len(objects)} objects, {size / 1e6:.1f} MB in {folder}\n")
        return 0
    _clear(objects)
    sys.stdout.write(f"removed {len(objects)} objects, {size / 1e6:.1f} MB\n")
    return 0


def _clear(objects: Sequence[Path]) -> None:
    """Remove the objects' folders, and nothing else that may lie beside them."""
    for folder in sorted({path.parent for path in objects}):
        shutil.rmtree(folder)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit status."""
    parser = _parser()
    options, others = parser.parse_known_args(arguments)
    if others and options.command not in ("dump", "draw"):
        parser.error(f"unrecognized arguments: {' '.join(others)}")
    if options.command == "run":
        return _run(options.script, options.args, options.verify)
    if options.command == "dump":
        return _dump(options, others)
    if options.command == "draw":
        return _draw(options, others)
    if options.command == "devices":
        return _devices()
    if options.command == "ops":
        return _ops()
    return _cache(options.action)


if __name__ == "__main__":
    sys.exit(main())
