"""What can go wrong with a line, as a tree.

DriverError
├── DeviceMissing      nothing is there under that name
├── DevicePermission   it is there, we may not open it
├── LineBusy           the line already carries a conversation
├── NotCapable         the line cannot do this; its ``can`` flags say so
├── ProtocolError      the peer broke its own protocol
├── LinkLost           the connection is gone; the driver retries
└── OptionsError       a wrong option in the site's configuration
"""


class DriverError(Exception):
    """Something failed on a line or its device."""


class DeviceMissing(DriverError):
    """Nothing is there under that name."""


class DevicePermission(DriverError):
    """The device exists, and this process may not open it."""


class LineBusy(DriverError):
    """The line already carries a conversation."""


class NotCapable(DriverError):
    """The line cannot do what was asked."""


class ProtocolError(DriverError):
    """The peer broke its own protocol."""


class LinkLost(DriverError):
    """The connection to the device or exchange is gone."""


class OptionsError(DriverError):
    """A driver option has an unusable value; as a plain string it is English.

    ``message`` and ``zh`` say what is wrong and, after a semicolon, what to write instead.
    """

    def __init__(self, key: str, message: str, zh: str = "") -> None:
        super().__init__(f"{key}: {message}")
        self.key = key
        self.message = message
        self.zh = zh

    def text(self, language: str) -> str:
        """The message in ``zh`` when there is one, else in English; the key stands apart."""
        return self.zh if language == "zh" and self.zh else self.message
