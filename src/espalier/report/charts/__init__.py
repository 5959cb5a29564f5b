"""The charts: one file, one figure.  Each turns the view and the findings into a `Figure`, or None.

None means that the table does not hold what the figure would show; the page then says so in words.
"""
