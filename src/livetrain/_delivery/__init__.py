"""From a record to its commit at the server: numbered, kept, sent, acknowledged."""
