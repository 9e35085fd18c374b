"""T.38 in a call: its descriptions, and the change from audio and back."""
