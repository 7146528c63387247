"""Writes the city's documents as YAML files that people can read: one entry a line."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml


def write_document(path: Path, document: Mapping[str, Any], comment: str) -> Path:
    """A comment, then each section; a list's entries stand one on a line."""
    lines = [f"# {line}" for line in comment.splitlines()]
    for key, value in document.items():
        lines += _section(key, value)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def _section(key: str, value: Any) -> list[str]:
    if isinstance(value, list):
        return [f"{key}:", *(f"  - {_flow(entry)}" for entry in value)]
    return [f"{key}: {_flow(value)}"]


def _flow(value: Any) -> str:
    text = yaml.safe_dump(value, allow_unicode=True, default_flow_style=True, sort_keys=False, width=100_000)
    return text.removesuffix("...\n").strip()
