"""Which machine and which versions a result belongs to; neither its name nor a path."""

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from lectcode.kernels import simd

PACKAGES = ("numpy", "numba", "llvmlite", "torch", "onnxruntime")


def describe():
    """Return what a reader must know of the machine."""
    return {
        "processor": processor(),
        "cores": len(_cores()),
        "caches": caches(),
        "vector bits": 8 * simd.BYTES,
        "system": f"{platform.system()} {platform.machine()}",
    }


def processor():
    """Return the name that the processor gives itself."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return named[0] if named else platform.processor()


def caches():
    """Return {"L1 Data": "32K", ...} where the system tells it."""
    found = {}
    for index in sorted(Path("/sys/devices/system/cpu/cpu0/cache").glob("index*")):
        level, kind, size = ((index / name).read_text().strip() for name in ("level", "type", "size"))
        found[f"L{level} {kind}"] = size
    return found


def versions():
    """Return the versions of Python and of the packages that are installed."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def _cores():
    return os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else range(os.cpu_count())
