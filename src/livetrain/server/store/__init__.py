"""The store: what was committed, and the curves made of it."""
