"""The version alone, so that importing a floor never loads a door."""

__version__ = "0.1.0"
