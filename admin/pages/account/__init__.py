"""Pages for everybody: log-in, password, preferences."""
