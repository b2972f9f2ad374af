"""`gf.profiling`: where the time of the runs inside a ``with`` goes, for scripts and notebooks."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from graphflow.system_files import write_whole

if TYPE_CHECKING:  # they import the compiler, which `import graphflow` does not need
    from graphflow.runtime.profiler import Profiler
    from graphflow.runtime.roofline import Limits


@dataclass(eq=False, repr=False)
class Profile:
    """What runs took, step by step: a table on a terminal, a page in a notebook.

    Attributes
    ----------
    profiler : the times.
    limits : what the machine can do, for the shares of it.
    title : of the page.
    number : the compiled Program that is shown, counted from 1; all when None.
    """

    profiler: Profiler
    limits: Limits
    title: str = "these runs"
    number: int | None = None

    def choose(self, number: int) -> None:
        """Show one Program only.

        Raises
        ------
        ValueError : there is no Program of that number.
        """
        total = len(self.profiler.programs)
        if not 1 <= number <= total:
            raise ValueError(f"run {number} is asked for, but {total} were compiled")
        self.number = number

    def data(self, top: int | None = None) -> dict[str, Any]:
        """All as plain data; of each Program the `top` steps that took longest, or all."""
        from graphflow.views.profile_data import profile_data

        return profile_data(self.profiler, self.limits, top, self.number)

    def table(self, top: int | None = None) -> str:
        """The table."""
        from graphflow.views.profile_table import profile_table

        return profile_table(self.data(top))

    def html(self) -> str:
        """A page that stands alone, with a flame chart."""
        from graphflow.views.profile_page import profile_page

        return profile_page(self.data(), self.profiler.spans, self.title)

    def trace(self) -> str:
        """The single times as JSON, for Perfetto and chrome://tracing."""
        return self.profiler.trace().text()

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the page (``.html``) or the trace (``.json``), whole or not at all.

        Raises
        ------
        ValueError : the path has another ending.
        OSError : the file cannot be written.
        """
        path = os.fspath(path)
        if not path.endswith((".html", ".json")):
            raise ValueError(f"expected a file ending in .html or .json, got {path!r}")
        write_whole(path, (self.html() if path.endswith(".html") else self.trace()).encode())

    def __repr__(self) -> str:
        return self.table()

    def _repr_html_(self) -> str:
        from graphflow.views.notebook import framed

        return framed(self.html())


@contextmanager
def profiling(title: str = "these runs") -> Iterator[Profile]:
    """Profile the runs of all sessions that are made inside, which run step by step.

    Examples
    --------
    >>> with gf.profiling() as profile, tf.Session() as session:
    ...     session.run(train)
    >>> profile
    """
    from graphflow.runtime.pool import default_threads
    from graphflow.runtime.profiler import profiling as profiled
    from graphflow.runtime.roofline import measure_limits

    limits = measure_limits(default_threads())
    with profiled() as profiler:
        yield Profile(profiler, limits, title)
