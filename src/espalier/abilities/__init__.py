"""The shelf of abilities: one file makes the items of one thing a model may be able to do."""
