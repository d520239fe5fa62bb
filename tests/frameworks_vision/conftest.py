"""The tests of integrations that need torchvision: `nox -s frameworks_vision`."""

from __future__ import annotations

from tests.frameworks.conftest import (  # noqa: F401
    fresh_warnings,
    no_server,
    one_thread,
    pytest_configure,
    server,
)
from tests.frameworks_vision import operators  # noqa: F401  # before torchvision is imported
