"""The demo: real callers and agents in processes of their own."""
