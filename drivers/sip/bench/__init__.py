"""What the SIP driver costs: calls over each transport, registrations, memory, a flood."""
