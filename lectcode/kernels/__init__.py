"""The compiled loops, one algorithm a file; nothing here checks its arguments."""
