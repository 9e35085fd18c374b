"""The audio of a line: its port in the engine, and the streams of its calls."""
