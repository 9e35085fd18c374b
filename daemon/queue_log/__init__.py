"""The site's history in the line format of Asterisk's queue_log, for existing report tools."""
