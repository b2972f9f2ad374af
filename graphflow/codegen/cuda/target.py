"""What the generated code may assume of a GPU."""

from __future__ import annotations

from dataclasses import dataclass

TRIPLE = "nvptx64-nvidia-cuda"
_PTX_VERSIONS = {70: "63", 75: "63", 80: "70", 86: "71", 89: "78", 90: "78", 100: "86", 120: "87"}


@dataclass(frozen=True)
class GpuTarget:
    """A GPU's compute capability, which answers what `Target` answers for processors.

    Attributes
    ----------
    capability : major and minor number together, 90 for an H100.
    """

    capability: int = 80

    def __post_init__(self) -> None:
        if self.capability not in _PTX_VERSIONS:
            known = ", ".join(f"sm_{c}" for c in _PTX_VERSIONS)
            raise ValueError(f"a GPU expected one of {known}, got sm_{self.capability}")

    @classmethod
    def of_name(cls, name: str) -> GpuTarget:
        """The target that LLVM and NVIDIA call ``sm_90``.

        Raises
        ------
        ValueError : there is no such name, or it is not supported.
        """
        digits = name.removeprefix("sm_")
        if not digits.isdecimal():
            raise ValueError(f"a GPU expected a name such as sm_80, got {name!r}")
        return cls(int(digits))

    @classmethod
    def of_capability(cls, capability: int) -> GpuTarget:
        """The newest target whose code a GPU of this capability takes.

        Raises
        ------
        ValueError : it is older than all that are supported.
        """
        known = [c for c in _PTX_VERSIONS if c <= capability]
        return cls(max(known, default=capability))

    @property
    def cpu(self) -> str:
        """LLVM's name of it."""
        return f"sm_{self.capability}"

    @property
    def features(self) -> str:
        """LLVM's features: the version of PTX, the oldest that has what is used."""
        return f"+ptx{_PTX_VERSIONS[self.capability]}"

    @property
    def shared_bytes(self) -> int:
        """Shared memory that a block may use without asking the driver for more."""
        return 48 << 10

    @property
    def num_multiprocessors(self) -> int:
        """Of a large card: what a grid should fill several times over."""
        return {70: 80, 75: 72, 80: 108}.get(self.capability, 132)

    def vector_lanes(self, element_bits: int) -> int:
        """One: the lanes of a GPU are its threads."""
        return 1
