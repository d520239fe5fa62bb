"""Records on the trainer's disk, where they wait while the server is away."""
