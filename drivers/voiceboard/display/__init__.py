"""Who calls, told to the telephone at a station port, as a display shows it."""
