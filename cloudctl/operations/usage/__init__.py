"""Metering: sweeps, imports, the sample store, and the questions asked of it."""
