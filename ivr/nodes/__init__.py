"""Kinds of nodes, one file a kind; found by scanning this folder."""
