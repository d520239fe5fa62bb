"""What the Keras integration is made of."""
