"""How what control writes down gets into its journal."""
