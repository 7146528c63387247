"""The under-use review: one step of a case a file."""
