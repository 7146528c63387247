"""Errors, clock, money, quantities, database, audit chain, settings and the estate of units and systems."""
