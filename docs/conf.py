"""Sphinx configuration: MyST Markdown, Furo, and an API reference read from the docstrings."""

from __future__ import annotations

import sys
from types import ModuleType

import livetrain

try:
    import lightning.pytorch.callbacks  # noqa: F401
except ImportError:
    # The reference needs the docstring of LiveTrainCallback, not Lightning and torch.
    class Callback:
        """Stands in for Lightning's own."""

    for name in ("lightning", "lightning.pytorch", "lightning.pytorch.callbacks"):
        sys.modules[name] = ModuleType(name)
    sys.modules["lightning.pytorch.callbacks"].Callback = Callback  # type: ignore[attr-defined]

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
