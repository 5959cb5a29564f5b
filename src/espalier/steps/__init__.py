"""The steps: compose rows, train, ask, grade."""
