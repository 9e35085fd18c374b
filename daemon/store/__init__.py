"""Database models, migrations and the history writer."""
