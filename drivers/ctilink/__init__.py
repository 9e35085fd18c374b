"""Serial link to an exchange: call details for board ports and message-waiting lamps."""
