"""What the Flower integration is made of."""
