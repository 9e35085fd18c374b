"""What happens within a dialog: requests, offers, session timers, reliable ringing, transfers."""
