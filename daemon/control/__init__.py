"""The control process: signalling and decisions."""
