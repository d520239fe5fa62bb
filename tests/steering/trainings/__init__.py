"""One module for each framework: `train` makes one training of a row."""
