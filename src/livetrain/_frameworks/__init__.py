"""What the integrations share: how a batch is read, what a model made of it, and what may not reach the training."""
