"""Who datagrams of a T.38 conversation come from, and where they go."""


class FarEnd:
    """The other side of a socket.

    Datagrams go where its description said, or where its own come from when that is the same
    host with another port: behind address translation that is the one that works. The first
    one settles it; anybody else is not heard.
    """

    def __init__(self, address: tuple[str, int]) -> None:
        self.address = address
        self._settled = False

    def sent(self, source: tuple[str, int]) -> bool:
        """Whether a datagram from there is the other side's."""
        if source[:2] == self.address:
            self._settled = True
            return True
        if self._settled or source[0] != self.address[0]:
            return False
        self.address, self._settled = (source[0], source[1]), True
        return True
