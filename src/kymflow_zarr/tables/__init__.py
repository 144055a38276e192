"""Tables: one store, two back ends."""
