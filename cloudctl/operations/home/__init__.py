"""The home itself: made, upgraded, backed up, checked, its people and its audit chain."""
