"""The facade on top of the controller, one file a part."""
