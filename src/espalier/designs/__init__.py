"""The designs: one file, one way to ask for mixtures."""
