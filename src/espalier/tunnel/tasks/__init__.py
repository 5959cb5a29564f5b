"""The tunnel's tasks, one a file."""
