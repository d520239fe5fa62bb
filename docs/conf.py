"""Sphinx configuration: MyST Markdown, Furo, and an API reference read from the docstrings."""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType

import livetrain

# The reference needs the docstrings of the integrations, not the frameworks and torch.
STAND_INS = [
    "accelerate.Accelerator",
    "accelerate.state.PartialState",
    "accelerate.tracking.GeneralTracker",
    "accelerate.utils.broadcast_object_list",
    "fastai.callback.core.Callback",
    "fastai.callback.core.CancelFitException",
    "flwr.serverapp.strategy.Strategy",
    "keras.callbacks.Callback",
    "lightning.pytorch.callbacks.Callback",
    "lightning.pytorch.loggers.Logger",
    "transformers.TrainerCallback",
]


def stand_in(name: str) -> None:
    """Put an empty class where an integration looks for one that is not installed."""
    module, _, kind = name.rpartition(".")
    try:
        getattr(import_module(module), kind)
    except (ImportError, AttributeError):
        parts = module.split(".")
        for count in range(1, len(parts) + 1):
            package = ".".join(parts[:count])
            sys.modules.setdefault(package, ModuleType(package))
        made = type(kind, (), {"__doc__": "Stands in for the real one.", "__module__": module})
        setattr(sys.modules[module], kind, made)


for name in STAND_INS:
    stand_in(name)
# What the tracker of Accelerate hooks into when it is imported.
for name in ("init_trackers", "get_tracker", "end_training"):
    if not hasattr(sys.modules["accelerate"].Accelerator, name):
        setattr(sys.modules["accelerate"].Accelerator, name, lambda *_: None)
vars(sys.modules["accelerate.tracking"]).setdefault("LOGGER_TYPE_TO_CLASS", {})

project = "livetrain"
author = "The livetrain maintainers"
copyright = "The livetrain maintainers"
release = version = livetrain.__version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_click",
]
exclude_patterns = ["_build"]
root_doc = "index"

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autoclass_content = "class"
autodoc_preserve_defaults = True
python_maximum_signature_line_length = 88
napoleon_google_docstring = True
napoleon_numpy_docstring = False
# Attributes as a list in the class: a property with a docstring of its own is not described twice.
napoleon_use_ivar = True

html_theme = "furo"
html_title = "livetrain"
html_show_sphinx = False
