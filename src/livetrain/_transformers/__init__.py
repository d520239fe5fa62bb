"""What the Transformers integration is made of."""
