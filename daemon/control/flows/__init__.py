"""Running call flows on calls: what they need, hear and say."""
