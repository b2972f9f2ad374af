"""``graphflow devices`` and ``graphflow cache``: the machine, and what is kept on its disk."""

from __future__ import annotations

import json
import shutil
import sys
from typing import Any

from graphflow.codegen.object_cache import cache_contents
from graphflow.runtime.devices import machine_facts


def show_devices(as_json: bool) -> int:
    """Print what is known of the machine; a report of a fault should have it."""
    facts = machine_facts()
    sys.stdout.write(json.dumps(facts, indent=1) + "\n" if as_json else _devices_text(facts))
    return 0


def _devices_text(facts: dict[str, Any]) -> str:
    cpu, cache = facts["processor"], facts["cache"]
    caches = ", ".join(f"L{c['level']} {c['type']} {c['size']}" for c in cpu["caches"])
    lines = [
        f"/device:CPU:0  {cpu['llvm_name']} ({cpu['triple']}), {cpu['vector_bits']}-bit vectors, "
        f"{cpu['threads']} threads",
        f"  model     {cpu['model'] or 'not known'}",
        f"  features  {' '.join(cpu['features']) or 'none that kernels use'}",
        f"  caches    {caches or 'not known'}",
        f"  memory    {cpu['memory_bytes'] / 1e9:.1f} GB",
    ]
    for number, gpu in enumerate(facts["gpus"]):
        lines.append(
            f"/device:GPU:{number}  {gpu['name']}, compute capability {gpu['capability']}, "
            f"{gpu['memory_bytes'] / 1e9:.1f} GB"
        )
    if not facts["gpus"]:
        lines.append(f"no GPU: {facts['why_no_gpu']}")
    lines.append("versions  " + ", ".join(f"{n} {v}" for n, v in facts["versions"].items()))
    where = cache["folder"] or "switched off"
    lines.append(f"cache     {where}, {cache['objects']} objects, {cache['bytes'] / 1e6:.1f} MB")
    return "\n".join(lines) + "\n"


def manage_cache(action: str) -> int:
    """Print where compiled objects are kept, or how large they are, or remove them."""
    contents = cache_contents()
    if contents.folder is None:
        sys.stdout.write("no cache: GRAPHFLOW_CACHE_DIR is empty\n")
        return 0
    if action == "path":
        sys.stdout.write(f"{contents.folder}\n")
        return 0
    size = f"{len(contents.objects)} objects, {contents.size / 1e6:.1f} MB"
    if action == "size":
        sys.stdout.write(f"{size} in {contents.folder}\n")
        return 0
    # The objects' folders, and nothing else that may lie beside them.
    for folder in sorted({path.parent for path in contents.objects}):
        shutil.rmtree(folder)
    sys.stdout.write(f"removed {size}\n")
    return 0
