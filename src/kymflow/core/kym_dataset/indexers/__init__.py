"""The indexers shipped with kymflow, and the base for artifact-backed ones."""
