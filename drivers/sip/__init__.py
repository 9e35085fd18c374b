"""SIP trunks and stations: our own signalling core without I/O, and the driver around it."""

from cython_ext import compiled_modules

compiled_modules.install(compiled_modules.SIP)
