"""The capabilities of kymflow, one folder each; they know nothing of the command."""
