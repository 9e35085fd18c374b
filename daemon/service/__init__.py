"""The facade through which consoles steer the hotline."""
