"""Measures graphflow beside other frameworks, all in one run.

    python benchmarks/compare.py --peers graphflow tf115=/envs/tf115/bin/python jax=/envs/jax/bin/python

A peer without ``=PYTHON`` runs in the interpreter that an environment variable names (``BENCH_TF115``,
``BENCH_TF2``, ``BENCH_JAX``, ``BENCH_TORCH``, ``BENCH_THEANO``, ``BENCH_PYTENSOR``), and graphflow in
this one. Every pair of a workload and a peer has processes of its own: one with empty caches, for
the time to its first result, and one that finds them full. The second processes of a workload stay
alive and measure in turn, in blocks, so that what else the machine does hits all alike. Results are
compared with NumPy's, and with each other. The tables go to OUT.md, all there is to know to OUT.json.
"""  # noqa: E501

from __future__ import annotations

import argparse
import contextlib
import datetime
import json
import os
import platform
import re
import select
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import reference
import report
import worker
import workloads

FOLDER = Path(__file__).resolve().parent
TICKS = os.sysconf("SC_CLK_TCK")
CONVOLUTIONS = ("smile", "digits", "residual")


@dataclass(frozen=True)
class Peer:
    """How a peer is started: its environment, its module here, options, and families if not all."""

    environment: str
    module: str
    options: tuple[str, ...] = ()
    families: tuple[str, ...] = ()


TF1, TF2 = "module=tensorflow", "module=tensorflow.compat.v1"
CALLABLE, COMPILE, LAST = "call=callable", "mode=compile", "layout=last"
PEERS = {
    "graphflow": Peer("", "peer_tf1"),
    "graphflow-callable": Peer("", "peer_tf1", (CALLABLE,), ("scalars",)),
    "graphflow-function": Peer("", "peer_tf1", ("call=function",), ("scalars",)),
    "graphflow-theano": Peer("", "peer_theano"),
    "tf115": Peer("TF115", "peer_tf1", (TF1,)),
    "tf115-callable": Peer("TF115", "peer_tf1", (TF1, CALLABLE), ("scalars",)),
    "tf2": Peer("TF2", "peer_tf1", (TF2,)),
    "tf2-callable": Peer("TF2", "peer_tf1", (TF2, CALLABLE), ("scalars",)),
    "tf2-xla": Peer("TF2", "peer_tf1", (TF2, "xla=jit")),
    "jax": Peer("JAX", "peer_jax"),
    "torch": Peer("TORCH", "peer_torch"),
    "torch-last": Peer("TORCH", "peer_torch", (LAST,), CONVOLUTIONS),
    "torch-compile": Peer("TORCH", "peer_torch", (COMPILE,)),
    "torch-compile-last": Peer("TORCH", "peer_torch", (COMPILE, LAST), CONVOLUTIONS),
    "theano": Peer("THEANO", "peer_theano", ("module=theano",)),
    "pytensor": Peer("PYTENSOR", "peer_theano", ("module=pytensor",)),
    "pytensor-c": Peer("PYTENSOR", "peer_theano", ("module=pytensor", "mode=CVM")),
}


def interpreters(given):
    """Peers by name with their interpreters, from the command line and the environment."""
    found = {}
    for text in given:
        name, _, python = text.partition("=")
        if name not in PEERS:
            raise SystemExit(f"expected names of peers ({', '.join(PEERS)}), got {name!r}")
        variable = "BENCH_" + PEERS[name].environment
        found[name] = python or os.environ.get(variable, "")
        if PEERS[name].environment == "":
            found[name] = python or sys.executable
        if not found[name]:
            raise SystemExit(
                f"expected {name}=PYTHON or {variable} in the environment, got neither"
            )
    return found


def environment_of(name, folder, threads):
    """Environment variables of a peer's process, with its caches inside ``folder``."""
    count = str(threads)
    counted = ("OMP", "MKL", "OPENBLAS", "NUMBA", "GRAPHFLOW")
    flags = f"base_compiledir={folder}/compiled,floatX=float32"
    return {
        **os.environ,
        **{f"{library}_NUM_THREADS": count for library in counted},
        "NPROC": count,  # XLA's threads
        "GRAPHFLOW_CACHE_DIR": f"{folder}/graphflow",
        "TORCHINDUCTOR_CACHE_DIR": f"{folder}/inductor",
        "NUMBA_CACHE_DIR": f"{folder}/numba",
        "JAX_COMPILATION_CACHE_DIR": f"{folder}/jax",
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        "THEANO_FLAGS": ",".join(
            [flags, f"openmp={threads > 1}", os.environ.get("THEANO_FLAGS", "")]
        ),
        "PYTENSOR_FLAGS": ",".join([flags, os.environ.get("PYTENSOR_FLAGS", "")]),
        "PYTHONPATH": os.pathsep.join(
            [str(FOLDER.parent), os.environ.get("PYTHONPATH", "")]
            if PEERS[name].environment == ""
            else []
        ),
    }


def machine_seconds():
    """The processor time that everything on this machine has used."""
    times = [int(word) for word in Path("/proc/stat").read_text().split("\n")[0].split()[1:9]]
    return (sum(times) - times[3] - times[4]) / TICKS


def session_seconds(leader):
    """The processor time of a session's processes, and of their children that have ended."""
    ticks = 0
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with contextlib.suppress(OSError):  # a process that ends meanwhile
                words = (folder / "stat").read_text().rsplit(")", 1)[1].split()
                if int(words[3]) == leader:
                    ticks += sum(int(word) for word in words[11:15])
    return ticks / TICKS


class Process:
    """A peer at work on a workload, and how many cores others used while it was asked."""

    def __init__(self, name, python, workload, folder, threads):
        self.name, self.folder = name, folder
        self.errors = open(folder / "errors", "a+")  # closed with the process
        script = str(FOLDER / "worker.py")
        peer = PEERS[name]
        self.process = subprocess.Popen(
            [python, script, f"--threads={threads}", peer.module, workload.name, *peer.options],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.errors,
            env=environment_of(name, folder, threads),
            cwd=folder,
            start_new_session=True,  # so that its own helper processes end with it
        )

    def answer(self, limit):
        """The next answer, with ``others``, or a dictionary that says what went wrong."""
        begin, used = time.time(), machine_seconds() - session_seconds(self.process.pid)
        if not select.select([self.process.stdout], [], [], limit)[0]:
            return dict(failed=f"more than {limit:g} s")
        line = self.process.stdout.readline()
        if not line:
            self.errors.seek(0)
            lines = self.errors.read().strip().splitlines() or ["ended without a word"]
            named = [line for line in lines if re.match(r"[\w.]+(Error|Exception): ", line)]
            return dict(failed=(named or lines)[-1][:200])
        used = machine_seconds() - session_seconds(self.process.pid) - used
        return dict(json.loads(line), others=max(0.0, used / (time.time() - begin)))

    def measure(self, seconds, limit):
        try:
            os.write(self.process.stdin.fileno(), f"{seconds}\n".encode())
        except BrokenPipeError:
            return dict(failed="ended while it waited")
        return self.answer(limit)

    def end(self):
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def close(self):
        self.end()
        self.process.stdin.close()
        self.process.stdout.close()
        self.errors.close()


def started(start, options):
    """A process that has its first results, and its record; None with the record if it failed.

    ``start()`` starts a process with the same caches each time.
    """
    first = {}
    states = ("empty",) if options.once else ("empty", "full")
    for state in states:
        process = start()
        answer = process.answer(options.cap)
        good = "failed" not in answer and "skipped" not in answer
        if not good or state != states[-1]:
            process.end()
        if not good:
            return None, answer
        first[state] = {key: answer[key] for key in ("importing", "building", "stepping", "others")}
    kept = {key: answer[key] for key in ("memory", "version", "results")}
    return process, dict(kept, first=first, blocks=[])


def run_workload(workload, peers, options):
    """Records of all peers on one workload."""
    records, processes = {}, []
    with contextlib.ExitStack() as stack:
        for name, python in peers.items():
            if PEERS[name].families and workload.family not in PEERS[name].families:
                continue
            folder = tempfile.TemporaryDirectory(prefix="compare_", ignore_cleanup_errors=True)
            place = Path(stack.enter_context(folder))

            def start(name=name, python=python, place=place):
                process = Process(name, python, workload, place, options.threads)
                stack.callback(process.close)
                return process

            process, records[name] = started(start, options)
            if process:
                processes.append(process)
        for _ in range(options.rounds):
            for process in processes:
                measure_block(process, records[process.name], options)
    for record in records.values():
        condense(record, options.busy)
    check(workload, records)
    return records


def measure_block(process, record, options):
    if "failed" in record:
        return
    block = process.measure(options.seconds, options.cap)
    if "failed" in block:
        process.end()
        record["failed"] = block["failed"]
    else:
        record["memory"] = block.pop("memory")
        record["blocks"].append(block)


def condense(record, busy):
    """The median of the blocks in which others let the machine alone, or of all with a mark."""
    blocks = record.get("blocks")
    if not blocks:
        return
    record["first_disturbed"] = any(run["others"] > busy for run in record["first"].values())
    quiet = [block for block in blocks if block["others"] <= busy]
    record["disturbed"] = not quiet
    record["median"] = statistics.median(block["median"] for block in quiet or blocks)


def agree(left, right, tolerance):
    """Whether two summaries of the same result are the same number for number."""
    if len(left) != len(right):
        return False
    scale = max(abs(left[0]), abs(right[0]))
    return all(abs(left[place] - right[place]) <= tolerance * scale for place in range(len(left)))


def check(workload, records):
    """Mark records whose results differ: from NumPy's, else from those of the most peers."""
    given = {name: record.pop("results") for name, record in records.items() if "results" in record}
    expected = worker.summary(reference.reference(workload, workloads.data_of(workload)))

    def differences(name, others):
        results = given[name]
        pairs = min(len(results), len(others))
        return [
            place
            for place in range(pairs)
            if not agree(results[place], others[place], workload.tolerance)
        ]

    def followers(name):
        return sum(not differences(other, given[name]) for other in given)

    agreed = given[max(given, key=followers)] if given else []
    for name, record in records.items():
        if name in given:
            wrong = differences(name, expected) or differences(name, agreed)
            record["agrees"] = not wrong
            if wrong:
                record["results"] = given[name]


def machine():
    """What the figures were measured on."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    processor = next((x.split(":")[1].strip() for x in lines if x.startswith("model name")), "?")
    memory = int(Path("/proc/meminfo").read_text().split()[1]) / 2**20
    return dict(
        processor=processor,
        cores=os.cpu_count(),
        memory=f"{memory:.1f} GiB",
        system=platform.platform(),
        date=datetime.date.today().isoformat(),
    )


def arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--peers", nargs="+", default=["graphflow"], metavar="NAME[=PYTHON]",
                        help=f"of {', '.join(PEERS)}")  # fmt: skip
    parser.add_argument("--workloads", nargs="+", default=["*"], help="names, families or name*")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5, help="blocks of each peer")
    parser.add_argument("--seconds", type=float, default=0.5, help="length of a block")
    parser.add_argument("--cap", type=float, default=120, help="seconds a first result may take")
    parser.add_argument("--busy", type=float, default=0.15, help="cores others may use unmarked")
    parser.add_argument("--once", action="store_true", help="only empty caches")
    parser.add_argument("--add", action="store_true", help="keep what OUT.json has of others")
    parser.add_argument("--out", default="comparison", help="files to write, without their ending")
    return parser.parse_args()


def main():
    options = arguments()
    peers = interpreters(options.peers)
    chosen = workloads.select(options.workloads)
    path = Path(options.out + ".json")
    kept = json.loads(path.read_text())["workloads"] if options.add and path.exists() else {}
    for workload in chosen:
        print(workload.name, flush=True)
        kept.setdefault(workload.name, {}).update(run_workload(workload, peers, options))
        result = dict(machine=machine(), options=vars(options), workloads=kept)
        path.write_text(json.dumps(result, indent=1))
        Path(options.out + ".md").write_text(report.markdown(result))
        print(report.line(kept[workload.name]), flush=True)


if __name__ == "__main__":
    main()
