"""How much of its heap a process of a measured hotline uses."""
