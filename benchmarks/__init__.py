"""How fast lectcode is beside PyTorch and onnxruntime, on this machine, in one process: `python -m benchmarks`."""
