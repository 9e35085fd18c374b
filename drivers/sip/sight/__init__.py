"""Looking at messages without giving secrets away."""
