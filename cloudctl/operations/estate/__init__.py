"""The inventory: planned, applied, exported, shown."""
