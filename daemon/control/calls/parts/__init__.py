"""What a call's life is made of, as long as it needs it."""
