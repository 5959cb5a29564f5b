"""The executors: one file, one kind of place where steps run."""
