"""What older clients speak, each a view of the one event model, in a module of its own."""
