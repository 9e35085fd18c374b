"""One file a subcommand of the hookflash command."""
