"""What is kept of transactions and calls that are over."""
