"""Recordings as the console lists them and hands them out."""
