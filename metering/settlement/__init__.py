"""The month: rating, statements, signatures, sealing and verification."""
