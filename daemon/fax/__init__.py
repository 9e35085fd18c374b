"""Fax by T.30 over audio: the terminal, its worker process, pages as files, texts."""
