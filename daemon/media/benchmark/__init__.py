"""What audio costs on this machine, beside its physical floor."""
