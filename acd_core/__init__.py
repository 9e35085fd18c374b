"""The distribution engine: events and time in, commands with reasons out, no I/O."""

from cython_ext import compiled_modules

compiled_modules.install(compiled_modules.ENGINE)
