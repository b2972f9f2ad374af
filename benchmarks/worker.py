"""Runs one workload in one peer's process, for `compare.py`.

``worker.py PEER_MODULE WORKLOAD [--threads N] [NAME=VALUE ...]`` imports the peer, builds the
workload, runs its first step, and writes one line of JSON. Then each line of its input is a number
of seconds to measure, answered by another line. A peer's module has a class ``Peer``, whose method
of the workload's family makes a `Program`; a family without a method is one the peer cannot do.
This file also runs on Python 3.7.
"""

from __future__ import annotations

import argparse
import gc
import importlib
import itertools
import json
import os
import statistics
import sys
import time

import numpy as np
import workloads

STEPS_OF_TRAINING = 400  # then the variables are reset, lest losses become denormal numbers
BLOCK = 2e-4  # seconds between two looks at the clock, so that looking does not count


class Program:
    """A workload as a peer runs it.

    Parameters
    ----------
    step : takes nothing, gives the step's results as a list of arrays.
    reset : gives variables their initial values again; None where nothing changes.
    """

    def __init__(self, step, reset=None):
        self.step = step
        self.reset = reset


def cycle(batches):
    """A function that gives one batch after the other, for ever."""
    return itertools.cycle(batches).__next__


def summary(results):
    """Each result in a few numbers: a scalar, or mean size and two weighted means."""
    numbers = []
    for result in results:
        flat = np.asarray(result, np.float64).reshape(-1)
        if flat.size == 1:
            numbers.append([float(flat[0])])
            continue
        place = np.arange(flat.size)
        weighted = [float((flat * wave(0.37 * place)).mean()) for wave in (np.sin, np.cos)]
        numbers.append([float(np.abs(flat).mean()), *weighted])
    return numbers


def peak_memory():
    """The largest resident size so far, in MiB."""
    with open("/proc/self/status") as status:
        lines = [line for line in status if line.startswith("VmHWM")]
    return int(lines[0].split()[1]) / 1024


def measure(program, workload, seconds):
    """The median time of a step, in microseconds, in a block of ``seconds``."""
    if program.reset:
        program.reset()
    step = program.step
    begin = time.perf_counter()
    step()
    step()
    together = max(1, int(BLOCK / ((time.perf_counter() - begin) / 2)))
    times, steps = [], 0
    end = time.perf_counter() + seconds
    gc.disable()
    while not times or time.perf_counter() < end:
        if workload.optimizer and steps >= STEPS_OF_TRAINING:
            program.reset()
            steps = 0
        begin = time.perf_counter()
        for _ in range(together):
            step()
        times.append((time.perf_counter() - begin) / together)
        steps += together
    gc.enable()
    scale = 1e6 / workload.rounds
    return dict(
        median=statistics.median(times) * scale,
        least=min(times) * scale,
        steps=len(times) * together,
    )


def start(module, workload, options, threads):
    """Import the peer and run a first step: the program, and what there is to say of it."""
    data = workloads.data_of(workload)
    clock = [time.perf_counter()]
    peer = importlib.import_module(module).Peer(options, threads)
    clock.append(time.perf_counter())
    build = getattr(peer, workload.family, None)
    if build is None:
        return None, dict(skipped=True, version=peer.version)
    program = build(workload, data)
    clock.append(time.perf_counter())
    results = program.step()
    clock.append(time.perf_counter())
    if workload.optimizer:
        results = results[:1] + [program.step()[0] for _ in range(4)]
    report = dict(
        version=peer.version,
        importing=clock[1] - clock[0],
        building=clock[2] - clock[1],
        stepping=clock[3] - clock[2],
        results=summary(results),
        memory=peak_memory(),
    )
    return program, report


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("peer")
    parser.add_argument("workload")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("options", nargs="*", metavar="NAME=VALUE")
    arguments = parser.parse_args()
    options = dict(option.split("=", 1) for option in arguments.options)
    # What peers print must not be taken for answers.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)

    def answer(report):
        answers.write(json.dumps(report) + "\n")
        answers.flush()

    workload = workloads.select([arguments.workload])[0]
    program, report = start(arguments.peer, workload, options, arguments.threads)
    answer(report)
    if program is not None:
        for line in sys.stdin:
            answer(dict(measure(program, workload, float(line)), memory=peak_memory()))
    answers.flush()
    os._exit(0)  # some peers take seconds to leave, or wait for their threads


if __name__ == "__main__":
    main()
