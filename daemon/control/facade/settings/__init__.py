"""Settings: read, checked, stored with their ledger, and taken back."""
