"""Analogue voice boards: trunk ports to an exchange and station ports to telephones."""
