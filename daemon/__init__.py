"""The hookflash daemon: processes, configuration and commands."""
