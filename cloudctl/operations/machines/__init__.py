"""Machines and the changes made to them: planned, carried out, resumed, rolled back, compared with what is there."""
