"""The messages between media and control, and nothing else."""
