"""What a terminal would obey instead of show: names and reasons come from clouds, forms and people."""

import re

# Controls but tabs and ends of lines, and what turns the direction of writing around.
_OBEYED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def visible(text: str) -> str:
    """The text with every such character as U+FFFD."""
    return _OBEYED.sub("\ufffd", text.replace("\r\n", "\n"))
