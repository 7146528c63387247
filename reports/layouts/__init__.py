"""How each report is laid out: its dataset turned into a document in the reader's language."""
