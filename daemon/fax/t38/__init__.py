"""Fax by T.38: datagrams with what makes up for lost ones, the terminal and the gateway."""
