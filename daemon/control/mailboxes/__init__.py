"""Messages heard by telephone: who may hear a mailbox, what is in it, and the call that hears it."""
