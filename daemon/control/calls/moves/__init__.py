"""What people do with a call beside talking: consult, transfer, park, pick up, confer, dial."""
