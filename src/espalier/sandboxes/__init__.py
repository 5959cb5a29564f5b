"""The shelf of sandboxes: where code that a model wrote may run."""
