"""Faxes as people see them: what may be asked of them, and the words for how they go."""
