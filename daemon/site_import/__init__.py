"""Configurations of other systems as parts of a site, with an account of every option."""
