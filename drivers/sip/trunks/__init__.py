"""Trunks: which numbers go where, who may call what, how carriers are watched and registered at."""
