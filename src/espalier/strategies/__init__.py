"""The strategies: one file, one strategy."""
