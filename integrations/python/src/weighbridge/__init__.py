"""Opens, converts, compares and runs model checkpoints, by the tool ``weighbridge``: no torch, no numpy.

    import weighbridge

    weighbridge.convert("pytorch_model.bin", "model.safetensors").digest
    weighbridge.embed("all-MiniLM-L6-v2", ["How heavy is it?"])
"""

from .errors import WeighbridgeError
from .tasks import (
    Conversion, Difference, Label, Scan, classify, close, command, convert, diff, embed, inspect, run, scan, worker)
from .worker import Worker, executable

__all__ = [
    "Conversion", "Difference", "Label", "Scan", "WeighbridgeError", "Worker", "classify", "close", "command", "convert", "diff",
    "embed", "executable", "inspect", "run", "scan", "worker",
]
