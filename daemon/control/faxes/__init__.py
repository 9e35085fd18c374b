"""Faxes that people send: the queue, its files, and who may ask for what."""
