"""The SIP core without I/O: datagrams and time in, datagrams, events and deadlines out."""
