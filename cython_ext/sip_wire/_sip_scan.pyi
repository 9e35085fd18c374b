"""Scanners over bytes; everything in it is for the other compiled modules."""
