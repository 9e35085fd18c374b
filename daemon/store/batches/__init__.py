"""How batches of history rows get into a database."""
