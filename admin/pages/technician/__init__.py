"""Pages for technicians."""
