"""Kernels become PTX that NVIDIA's assembler takes, without spilling registers."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from graphflow.codegen.cuda.ptx import ptx_text
from graphflow.codegen.cuda.target import GpuTarget
from graphflow.codegen.cuda.units import schedule_task
from graphflow.runtime.gpu.driver import KernelSource

GPUS = ("sm_70", "sm_80", "sm_90")


def assembler():
    """The path of ptxas, from the package nvidia-cuda-nvcc or the CUDA toolkit; None without."""
    for folder in sys.path:
        found = sorted(Path(folder).glob("nvidia/cu*/bin/ptxas"))
        if found:
            return str(found[-1])
    return shutil.which("ptxas")


def ptx_of(run, gpu):
    compiled, _, _ = run
    target = GpuTarget.of_name(gpu)
    scheduled = [schedule_task(task, target) for task in compiled.tasks]
    return ptx_text([s for s in scheduled if s is not None], target)


@pytest.mark.parametrize("gpu", GPUS)
def test_kernels_become_ptx(run, gpu):
    text = ptx_of(run, gpu)
    assert f".target {gpu}" in text
    assert ".visible .entry k0_" in text


def test_a_kernel_is_found_in_its_ptx(run):
    target = GpuTarget(90)
    for task in run[0].tasks:
        schedule = schedule_task(task, target)
        if schedule is not None:
            source = KernelSource(schedule, target, lambda s, t: ptx_text([s], t))
            assert source.entry == schedule.kernel.name


def test_ptx_assembles_without_spills(run, tmp_path):
    ptxas = assembler()
    if ptxas is None:
        pytest.skip("ptxas is not installed: pip install nvidia-cuda-nvcc")
    source = tmp_path / "kernels.ptx"
    source.write_text(ptx_of(run, "sm_80"))
    done = subprocess.run(
        [ptxas, "-arch=sm_80", "-v", str(source), "-o", str(tmp_path / "kernels.cubin")],
        capture_output=True, text=True, timeout=100,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    spilled = re.findall(r"(\d+) bytes spill stores", done.stderr)
    assert spilled
    assert set(spilled) == {"0"}


def test_an_unknown_gpu_is_an_error():
    for name in ("sm_33", "hopper", ""):
        with pytest.raises(ValueError, match="a GPU expected"):
            GpuTarget.of_name(name)
