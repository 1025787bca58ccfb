"""Training: the Trainer, what it is told, and what it stands on."""
