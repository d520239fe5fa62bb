"""Lets torchvision be imported beside a PyTorch that its compiled operators were not built for, as a CPU build may be.

None of them is called here; but without their names torchvision does not even load. Where they are there, nothing is done.
"""

from __future__ import annotations

import torch

try:
    import torchvision
except RuntimeError:
    import sys

    for name in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
        del sys.modules[name]
    for operator in ("nms", "qnms"):
        torch.library.define(
            f"torchvision::{operator}",
            "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
        )
    import torchvision

assert torchvision.__version__
