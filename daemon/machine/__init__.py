"""What this machine grants the hotline."""
