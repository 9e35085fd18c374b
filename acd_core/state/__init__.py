"""The engine's whole memory as bytes, and an engine made of them."""
