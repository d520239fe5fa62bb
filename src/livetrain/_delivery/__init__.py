"""From a record to its commit at the server: numbered, kept, sent, acknowledged."""

from livetrain._delivery.fork_support import arrange

# Before gRPC is imported, by `transport`.
GRPC_SURVIVES_FORKS = arrange()
