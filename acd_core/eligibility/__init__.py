"""Which agents may take which calls, beside skills: membership, lending, room, tiers."""
