"""The ``kymflow`` command: thin, no logic of its own."""
