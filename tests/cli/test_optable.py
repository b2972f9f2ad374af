from pathlib import Path

import graphflow  # noqa: F401  # loads all families
from graphflow.cli.optable import op_data, op_table
from graphflow.graph.opdef import all_opdefs

DOCS = Path(__file__).parent.parent.parent / "docs"


def test_page_is_up_to_date() -> None:
    names = {line.split("|")[1].strip() for line in op_table().splitlines() if line[:2] == "| "}
    page = (DOCS / "ops.md").read_text()
    missing = [n for n in names if f"| {n} |" not in page and not n.startswith("Test")]
    assert not missing


def test_every_op_has_a_gradient_or_says_why_not() -> None:
    silent = [d.name for d in all_opdefs() if not d.gradient and not d.no_gradient]
    assert set(silent) <= KNOWN


# TensorFlow 1.15 has no gradient of these either, or theirs is not written yet.
KNOWN = {
    "AdjustContrastv2", "AdjustHue", "AdjustSaturation", "AudioSpectrogram",
    "CropAndResizeGradBoxes", "CropAndResizeGradImage", "Dilation2DBackpropFilter",
    "Dilation2DBackpropInput", "ExtractGlimpse", "FractionalAvgPoolGrad", "FractionalMaxPoolGrad",
    "HSVToRGB", "LRNGrad", "Mfcc", "RandomShuffle", "ResizeArea", "SegmentProd", "SoftsignGrad",
    "SparseDenseCwiseAdd", "TruncateMod",
}  # fmt: skip


def test_the_table_tells_who_computes() -> None:
    by_name = {d["name"]: d for d in op_data()}
    computed = {name: by_name[name]["cpu"] for name in ("Exp", "AddV2", "MatMul", "Svd", "Switch")}
    assert computed == {
        "Exp": "native", "AddV2": "native", "MatMul": "native", "Svd": "Python", "Switch": "plan"
    }  # fmt: skip
    assert by_name["Exp"]["types"] == "floats, complex"
    assert by_name["CountUpTo"]["stateful"]
