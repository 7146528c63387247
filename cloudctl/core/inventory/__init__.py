"""The inventory: the estate as its keepers write it down, read from and written to inventory.yaml."""
