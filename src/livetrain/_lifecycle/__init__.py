"""What ends a training: the process, a fork, an error, or that nobody holds its monitor any more."""
