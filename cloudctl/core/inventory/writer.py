"""Writes an inventory the way people keep it: one entry a line, values in flow form, times in the site's zone."""

import math
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import yaml

from cloudctl.core.inventory.differences import plain
from cloudctl.core.inventory.model import SECTIONS, Inventory

# Wider than any entry: a line is an entry.
_WIDTH = 1_000_000
_RESERVED = {"null", "true", "false", "yes", "no", "on", "off", "y", "n"}
_INSTANTS = ("since", "until", "from")


def inventory_text(inventory: Inventory, zone: ZoneInfo) -> str:
    """The inventory.yaml that reads back to the same; sections without entries are written as such."""
    lines = ["version: 1"]
    if inventory.site is not None:
        lines.append(f"site: {_flow(plain(inventory.site))}")
    for section in SECTIONS:
        entries = getattr(inventory, section)
        if entries is not None:
            lines.append(f"{section}:" if entries else f"{section}: []")
            lines += [f"  - {_flow(_shown(plain(entry), zone))}" for entry in entries]
    return "\n".join(lines) + "\n"


def _shown(value: Any, zone: ZoneInfo) -> Any:
    """Times in the site's zone, whole ratios as whole numbers."""
    if isinstance(value, Mapping):
        return {
            key: _local(item, zone) if key in _INSTANTS else _shown(item, zone) for key, item in value.items()
        }
    if isinstance(value, list):
        return [_shown(item, zone) for item in value]
    return int(value) if isinstance(value, float) and math.floor(value) == value else value


def _local(text: str, zone: ZoneInfo) -> str:
    return datetime.fromisoformat(text).astimezone(zone).isoformat()


class _Dumper(yaml.SafeDumper):
    """Quotes every text that our reader would take for something else."""


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=None if _is_word(value) else '"')


def _is_word(value: str) -> bool:
    """Letters first, then letters, digits, dashes and underscores; no word that some reader takes for a value."""
    plain_word = value[:1].isalpha() and value.replace("-", "").replace("_", "").isalnum()
    return plain_word and value.lower() not in _RESERVED


_Dumper.add_representer(str, _text)


def _flow(values: Mapping[str, Any]) -> str:
    text = yaml.dump(
        dict(values),
        Dumper=_Dumper,
        default_flow_style=True,
        allow_unicode=True,
        sort_keys=False,
        width=_WIDTH,
    )
    return str(text).strip()
