"""What crosses process borders: messages, the socket they go over, the tap's ring."""
