"""What the Lightning integration is made of."""
