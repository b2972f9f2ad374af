"""What the generated code may assume of a processor.

A `Target` names the processor as LLVM does (triple, CPU, features) and answers the questions that
shape a kernel: how wide a vector is and how many registers hold one. Code generators ask it and
assume nothing, so a kernel for another machine is the same call with another `Target`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache


@dataclass(frozen=True)
class Target:
    """A processor, in LLVM's terms.

    Parameters
    ----------
    triple : LLVM's target triple, such as ``x86_64-unknown-linux-gnu``.
    cpu : LLVM's name of the processor, such as ``znver3``.
    features : LLVM's feature string, such as ``+avx2,+fma,-sse4a``.
    """

    triple: str
    cpu: str
    features: str

    @property
    def architecture(self) -> str:
        """The first part of the triple, with Apple's ``arm64`` under its common name."""
        name = self.triple.split("-", 1)[0]
        return "aarch64" if name.startswith("arm64") else name

    def has(self, feature: str) -> bool:
        """Whether LLVM's feature string switches `feature` on."""
        return f"+{feature}" in self.features.split(",")

    @property
    def vector_bits(self) -> int:
        """Width of the widest vector register in which both float and integer code runs."""
        if self.architecture == "x86_64":
            if self.has("avx512f"):
                return 512
            if self.has("avx2"):
                return 256
        # SSE2 and NEON. Scalable vectors (SVE) are not used: our vectors have a fixed length.
        return 128

    def vector_lanes(self, element_bits: int) -> int:
        """How many elements of `element_bits` bits one vector register holds."""
        return self.vector_bits // element_bits

    @property
    def num_vector_registers(self) -> int:
        """Number of architectural vector registers."""
        if self.architecture == "x86_64":
            return 32 if self.has("avx512f") else 16
        return 32


@lru_cache(maxsize=1)
def host_target() -> Target:
    """Return the processor that this process runs on."""
    import llvmlite.binding as llvm

    features = llvm.get_host_cpu_features()
    if features.get("avx512f"):
        # LLVM tunes several AVX-512 processors to 256-bit vectors, for the sake of code that is
        # mostly scalar. Ours is dense vector code, where the full width pays for its clock.
        features["prefer-256-bit"] = False
    return Target(llvm.get_process_triple(), llvm.get_host_cpu_name(), features.flatten())
