"""The media process: audio and devices."""
