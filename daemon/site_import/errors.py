"""What can go wrong while a foreign configuration is read."""

from daemon.errors import ConfigError, Fault


class SourceError(ConfigError):
    """A file to import cannot be understood; ``faults`` holds each with file and line."""


def source_error(
    file: str, line: int, what: str, todo: str = "", *, section: str = ""
) -> SourceError:
    """Build the error of one fault; ``line`` from 1, 0 for the whole file."""
    return SourceError([Fault(file=file, line=line, section=section, what=what, todo=todo)])
