"""One call: its state, its life from first ring to last release, and its conversation."""
