"""Call flows: text files, their interpreter and their tests, no I/O."""
