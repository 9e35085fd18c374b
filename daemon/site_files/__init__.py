"""The site's TOML files as structs, with every fault named at once."""
