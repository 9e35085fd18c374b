"""The live picture that the console and programs see: what is looked at, when, and how it is shown."""
