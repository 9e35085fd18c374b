"""Recognition and synthesis, offline, in processes of their own."""
