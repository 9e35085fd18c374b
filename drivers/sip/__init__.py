"""SIP trunks and stations: our own signalling core without I/O, and the driver around it."""
