"""Files of recordings: what is in them, and whether that is still what was recorded."""
