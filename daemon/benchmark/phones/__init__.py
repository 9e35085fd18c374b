"""Callers and agents of the measurements: telephones of our own in processes of their own."""
