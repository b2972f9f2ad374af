"""What the tests of the GPU's code share."""

import pytest
from gpu_cases import CASES, compiled_run


@pytest.fixture(params=CASES)
def run(request):
    """A compiled Program, its inputs, and the results of the processor's code."""
    return compiled_run(*CASES[request.param])
