"""The floor: agents and queues as they are now, and the offers between them."""
