"""Pages, a folder a role."""
