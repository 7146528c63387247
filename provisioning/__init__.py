"""What runs where: drivers, placement, plans and their execution."""
