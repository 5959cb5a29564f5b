"""The shelf of scorers: one file turns replies into one metric."""
