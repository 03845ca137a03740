"""The commands behind the Makefile; nothing here is part of the book or of the package."""
