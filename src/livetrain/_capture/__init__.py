"""From a batch in the training's hands to pictures and labels that can be sent."""
