"""Recognition engines, the process each runs in, and listening to one caller."""
