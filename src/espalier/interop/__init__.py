"""Files of other tools, written and read: one file, one tool."""
