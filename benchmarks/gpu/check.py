"""Everything that only a machine with a GPU can tell, in one call of under ten minutes.

    python benchmarks/gpu/check.py FOLDER [--seconds 540] [--stand-in]

Runs the tests that need a GPU, the tests of operations on the GPU, and the workloads in graphflow
and, where they are installed, in PyTorch and JAX; in processes of their own, since a fault takes
the GPU away from the process that has it. Needs nothing to be built: the driver is called through
ctypes. FOLDER gets `results.json`, written anew after every part, and the tests' output; a short
table comes last. ``--stand-in`` runs the same on tiny sizes without a GPU, to check this script.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import platform
import re
import statistics
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path[:0] = [str(HERE), str(ROOT)]

import workloads  # noqa: E402

WARM_RUNS, MOST_RUNS, SECONDS = 4, 60, 1.0
MODULES = {"graphflow": "graphflow", "torch": "torch", "torch compiled": "torch", "jax": "jax"}
COPIED_BYTES = 1 << 30
OP_TESTS = (
    "tests/ops/test_drawn_ops.py", "tests/ops/test_elementwise.py", "tests/ops/test_reductions.py",
    "tests/ops/test_arrays.py", "tests/ops/test_nn.py", "tests/ops/test_random.py",
    "tests/ops/test_control_flow.py", "tests/ops/test_rnn.py", "tests/programs",
)  # fmt: skip


# ---- in the child processes


def measure(peer, name, is_small):
    """Time one workload in one package; returns plain data."""
    workload = workloads.NAMED[name]
    sizes = workload.small if is_small else workload.sizes
    began = time.perf_counter()
    run, check = workloads.MAKERS[peer](name, sizes)
    run()
    first = time.perf_counter() - began
    for _ in range(WARM_RUNS):
        run()
    times = []
    ends = time.perf_counter() + SECONDS
    while len(times) < MOST_RUNS and (len(times) < 5 or time.perf_counter() < ends):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    moved, flops = workload.work(sizes)
    median = statistics.median(times)
    return {
        "first_s": first, "median_s": median, "best_s": min(times), "runs": len(times),
        "gb_per_s": moved / median / 1e9, "tflops": flops / median / 1e12,
        "values": np.ravel(check()).astype(float).tolist(), "sizes": sizes,
    }  # fmt: skip


def copies(nbytes):
    """Bandwidths of copies, by the driver and its events, in GB/s."""
    from graphflow.runtime.gpu.selection import select_gpu

    driver = select_gpu(None).driver
    driver.make_current()
    stream, start, stop = driver.make_stream(), driver.make_event(), driver.make_event()
    one, other, pinned = driver.allocate(nbytes), driver.allocate(nbytes), None
    pinned = driver.allocate_host(nbytes)
    pinned[:] = 1
    host = pinned.ctypes.data
    ways = {
        "to the GPU": lambda: driver.copy_to_gpu(stream, one, host, nbytes),
        "within the GPU (read and written)": lambda: driver.copy(stream, other, one, nbytes),
        "to the host": lambda: driver.copy_to_host(stream, host, one, nbytes),
    }
    found = {}
    for name, copy in ways.items():
        milliseconds = []
        for _ in range(5):
            driver.record(start, stream)
            copy()
            driver.record(stop, stream)
            driver.wait(stream)
            milliseconds.append(driver.milliseconds(start, stop))
        moved = nbytes * (2 if "within" in name else 1)
        found[name] = moved / max(min(milliseconds), 1e-6) / 1e6
    for event in (start, stop):
        driver.free_event(event)
    driver.free_host(pinned)
    for address in (one, other):
        driver.free(address)
    driver.free_stream(stream)
    return found


def facts():
    """The GPU, the driver and the packages."""
    from importlib.metadata import PackageNotFoundError, version

    from graphflow.runtime.gpu.selection import visible_gpus, why_no_gpu

    versions = {"python": platform.python_version()}
    for package in ("numpy", "llvmlite", "torch", "jax", "pycuda"):
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    return {
        "gpus": [vars(gpu) for gpu in visible_gpus()], "why_no_gpu": why_no_gpu(),
        "versions": versions, "date": time.strftime("%Y-%m-%d"),
    }  # fmt: skip


def child(job, is_small):
    """Do one job and print its result as the last line."""
    if job[0] == "facts":
        return facts()
    if job[0] == "copies":
        return copies(1 << 16 if is_small else COPIED_BYTES)
    return measure(job[0], job[1], is_small)


def child_main(job, stand_in):
    if job[-1] == "*":
        for workload in workloads.ALL:  # a line each, so that some remain if time runs out
            try:
                found = measure(job[0], workload.name, stand_in)
            except RuntimeError as error:
                found = {"error": str(error)}
            print(json.dumps({"name": workload.name, **found}), flush=True)
        return
    if not stand_in:
        print(json.dumps(child(job, False)))
        return
    from graphflow.runtime.gpu.selection import using_driver
    from graphflow.runtime.gpu.stand_in import StandIn

    with using_driver(StandIn(capability=90, is_strict=False)):
        print(json.dumps(child(job, True)))


# ---- in the parent


class Check:
    """Runs the parts, and keeps what they gave."""

    def __init__(self, folder, seconds, stand_in):
        self.folder, self.stand_in = folder, stand_in
        self.ends = time.monotonic() + seconds
        self.results = {"tests": {}, "workloads": {}}
        folder.mkdir(parents=True, exist_ok=True)
        self.environment = {**os.environ, "PYTHONPATH": str(ROOT)}

    def left(self):
        return self.ends - time.monotonic()

    def save(self):
        text = json.dumps(self.results, indent=1, default=str)
        (self.folder / "results.json").write_text(text)

    def job(self, *job, limit=90):
        """What a child process gives, or why it gave nothing."""
        lines, error = self.lines(job, limit)
        return {"error": error} if error or not lines else lines[-1]

    def lines(self, job, limit):
        """What a child process has printed, and why it gave no more."""
        limit = min(limit, self.left())
        if limit < 5:
            return [], "no time was left"
        command = [sys.executable, __file__, "--job", json.dumps(job)]
        command += ["--stand-in"] if self.stand_in else []
        errors = self.folder / f"errors_{'_'.join(job).replace(' ', '_').replace('*', 'all')}.txt"
        with errors.open("w") as file:
            try:
                done = subprocess.run(
                    command, stdout=subprocess.PIPE, stderr=file, timeout=limit,
                    env=self.environment,
                )  # fmt: skip
                output, error = done.stdout, ""
                if done.returncode != 0:
                    error = f"ended with status {done.returncode}"
            except subprocess.TimeoutExpired as stopped:
                output, error = stopped.stdout or b"", f"took longer than {limit:.0f} s"
        said = errors.read_text(errors="replace").strip().splitlines()
        if error and said:
            error += f": {said[-1]}"
        if not said:
            errors.unlink()
        text = output.decode(errors="replace").splitlines()
        return [json.loads(line) for line in text if line.startswith("{")], error

    def peer(self, peer, limit):
        """All workloads of another package, in one process."""
        if self.stand_in or importlib.util.find_spec(MODULES[peer]) is None:
            return
        lines, error = self.lines([peer, "*"], limit)
        found = {line.pop("name"): line for line in lines}
        for name, record in self.results["workloads"].items():
            record[peer] = found.get(name, {"error": error or "no result"})
        self.save()

    def tests(self, name, *arguments, limit):
        """Run pytest; its output goes to the folder."""
        which = "--stand-in" if self.stand_in else "--gpu"
        limit = max(min(limit, self.left() - 10), 5)
        command = [sys.executable, "-m", "pytest", "-q", which, *arguments]
        if importlib.util.find_spec("xdist") is not None:
            command += ["-n", str(min(os.cpu_count() or 1, 6))]
        path = self.folder / f"tests_{name}.txt"
        with path.open("w") as file:
            try:
                subprocess.run(
                    command, stdout=file, stderr=subprocess.STDOUT, timeout=limit, cwd=ROOT,
                    env=self.environment,
                )  # fmt: skip
            except subprocess.TimeoutExpired:
                file.write(f"\nstopped after {limit:.0f} s\n")
        text = path.read_text()
        counts = {k: int(n) for n, k in re.findall(r"(\d+) (passed|failed|skipped|error)", text)}
        last = (text.strip().splitlines() or ["no output"])[-1]
        failed = re.findall(r"^(?:FAILED|ERROR) (\S+)", text, re.MULTILINE)
        self.results["tests"][name] = {**counts, "last": last, "failures": failed}
        self.save()

    def run(self):
        """All parts; returns the exit status."""
        found = self.results["facts"] = self.job("facts", limit=60)
        self.save()
        if not found.get("gpus"):
            reason = found.get("why_no_gpu") or found.get("error")
            print(f"no GPU: {reason}")
            return 2
        self.tests("gpu", "-m", "gpu", "tests/runtime/gpu", limit=120)
        self.results["copies"] = self.job("copies", limit=60)
        for workload in workloads.ALL:
            found = self.job("graphflow", workload.name, limit=60)
            self.results["workloads"][workload.name] = {"graphflow": found}
            self.save()
        self.peer("torch", limit=60)
        self.peer("jax", limit=90)
        self.peer("torch compiled", limit=120)
        if not self.stand_in:
            self.tests("ops", "-m", "not slow", *OP_TESTS, limit=self.left() - 15)
        self.show()
        bad = [r for r in self.results["workloads"].values() if "error" in r["graphflow"]]
        return int(bool(bad or any(t.get("failed") for t in self.results["tests"].values())))

    def show(self):
        """The table."""
        for gpu in self.results["facts"]["gpus"]:
            print(f"{gpu['name']}, {self.results['facts']['versions']}")
        for name, tests in self.results["tests"].items():
            print(f"tests {name}: {tests['last']}")
        copied = self.results["copies"]
        print("copies: " + ", ".join(
            f"{k} {v:.0f} GB/s" if isinstance(v, float) else f"{k}: {v}"
            for k, v in copied.items()
        ))  # fmt: skip
        peers = [p for p in MODULES if any(p in r for r in self.results["workloads"].values())]
        print(f"{'median, ms':16}" + "".join(f"{p:>16}" for p in peers) + f"{'reached':>16}  same")
        for name, record in self.results["workloads"].items():
            print(f"{name:16}" + "".join(f"{_cell(record.get(p)):>16}" for p in peers)
                  + f"{_reached(record['graphflow']):>16}  {_agreement(record)}")  # fmt: skip
        for name, record in self.results["workloads"].items():
            for peer, found in record.items():
                if "error" in found:
                    print(f"{name}, {peer}: {found['error'][:160]}")


def _cell(found):
    if found is None:
        return "–"
    return "failed" if "error" in found else f"{1e3 * found['median_s']:.3f}"


def _reached(found):
    if "error" in found:
        return ""
    if found["tflops"]:
        return f"{found['tflops']:.1f} TFLOP/s"
    return f"{found['gb_per_s']:.0f} GB/s" if found["gb_per_s"] else ""


def _agreement(record):
    """Whether the packages' values are close."""
    values = [f["values"] for f in record.values() if "values" in f]
    if len(values) < 2:
        return "–"
    close = [np.allclose(values[0], v, rtol=1e-3, atol=1e-5) for v in values[1:]]
    return "yes" if all(close) else "no"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--seconds", type=float, default=540)
    parser.add_argument("--stand-in", action="store_true")
    parser.add_argument("--job", type=json.loads, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.job:
        child_main(options.job, options.stand_in)
        return 0
    if options.folder is None:
        parser.error("expected a folder for the results")
    return Check(options.folder, options.seconds, options.stand_in).run()


if __name__ == "__main__":
    raise SystemExit(main())
