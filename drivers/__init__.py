"""Lines to the outside: one package a kind of hardware or protocol."""
