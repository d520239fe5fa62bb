"""The wire: `telemetry.proto`, `live.proto` and what `nox -s proto` generates from them."""
