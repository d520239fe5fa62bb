"""Commands from outside, applied by the training's thread between two steps."""
