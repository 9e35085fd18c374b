"""What the SIP driver writes into the journal."""
