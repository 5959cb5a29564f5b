"""The shelf of backends: one file, one way to train and ask models."""
