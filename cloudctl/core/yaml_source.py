"""Reads a YAML file that people keep: strict, bounded, every error at once with file, line and column."""

import json
import re
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, ValidationError
from pydantic_core import PydanticCustomError

from cloudctl.core.clock import as_utc
from cloudctl.core.errors import InvalidInput, NotFound, Problem, problem
from cloudctl.core.money import parse_decimal, parse_fen
from cloudctl.core.yaml_problems import Marks, translated
from cloudctl.core.yaml_tree import read_tree

MAX_BYTES = 32 * 1024 * 1024
_UNWANTED = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_POSITION = re.compile(r":([0-9]+):([0-9]+)(?: \(|$)")
_PLAIN_DECIMAL = re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,12})?")

M = TypeVar("M", bound=BaseModel)


class YamlModel(BaseModel):
    """Base of what such a file holds: unknown keys are errors, nothing is coerced."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


def wrong(template: str, **values: Any) -> PydanticCustomError:
    """What a validator raises: an English template of the catalogue with its values."""
    return PydanticCustomError("cloudctl", "{template}", {"template": template, "values": values})


def _utc(instant: datetime) -> datetime:
    try:
        return as_utc(instant)
    except (OverflowError, ValueError):
        raise wrong("“{value}” is out of the calendar's range.", value=instant.isoformat()) from None


def _decimal(value: Any) -> Decimal:
    try:
        return parse_decimal(_digits(value))
    except ValueError:
        raise wrong(
            "“{value}” is not a decimal number written as text, in quotes.", value=str(value)
        ) from None


def _fen(value: Any) -> int:
    try:
        return parse_fen(_digits(value))
    except ValueError:
        raise wrong(
            "“{value}” is not an amount of money: write text with at most two decimal places, in quotes.",
            value=str(value),
        ) from None


def _digits(value: Any) -> str:
    """Text of a plain decimal of sane length: an exponent would make a number as long as it likes."""
    if not isinstance(value, str) or not _PLAIN_DECIMAL.fullmatch(value):
        raise ValueError("not a plain decimal")
    return value


# Types for the fields of a YamlModel.
AwareInstant = Annotated[AwareDatetime, AfterValidator(_utc)]
"""An instant with offset, kept as UTC."""
ExactText = Annotated[Decimal, BeforeValidator(_decimal)]
"""A finite decimal written as text: a unit price."""
FenText = Annotated[int, BeforeValidator(_fen)]
"""An amount of yuan written as text, kept as fen."""


def load_document(path: Path, model: type[M]) -> tuple[M, Marks]:
    """The file's document as `model`. NotFound without a file, InvalidInput with every problem there is."""
    return parse_document(read_text(path), str(path), model)


def parse_document(text: str, name: str, model: type[M]) -> tuple[M, Marks]:
    """The same from a text; `name` stands for the file in places."""
    tree = read_tree(text, name)
    checked = check_form(tree.document, model)
    if isinstance(checked, ValidationError):
        raise refusal([*tree.problems, *translated(checked, tree.marks, tree.refused)])
    if tree.problems:
        raise refusal(tree.problems)
    return checked, tree.marks


def check_form(document: Any, model: type[M]) -> M | ValidationError:
    """The plain values as `model`, or all that pydantic says against them."""
    try:
        # JSON mode: a list is good for a tuple and a text for a date, yet nothing is coerced.
        return model.model_validate_json(json.dumps(document, allow_nan=False), strict=True)
    except ValidationError as failure:
        return failure


def refusal(problems: Sequence[Problem]) -> InvalidInput:
    """The error that lists the problems of one file in the order of their places."""
    return InvalidInput(sorted(problems, key=_line_and_column))


def read_text(path: Path) -> str:
    """The file as text. NotFound without it; InvalidInput when it is too large, empty or not UTF-8."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise NotFound("There is no file {path}.", path=str(path)) from None
    except OSError as failure:
        raise InvalidInput(
            [problem(str(path), "This file cannot be read: {reason}", reason=failure.strerror or "")]
        ) from None
    if len(data) > MAX_BYTES:
        raise InvalidInput(
            [problem(f"{path}:1:1", "The file is larger than {limit} MiB.", limit=MAX_BYTES // 1024**2)]
        )
    return _decoded(data, path)


def _decoded(data: bytes, path: Path) -> str:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as failure:
        place = _place_of(data[: failure.start].decode("utf-8", "replace"), str(path))
        raise InvalidInput([problem(place, "The file is not UTF-8 text.")]) from None
    if not text.strip():
        raise InvalidInput([problem(f"{path}:1:1", "The file is empty.")])
    unwanted = _UNWANTED.search(text)
    if unwanted:
        place = _place_of(text[: unwanted.start()], str(path))
        raise InvalidInput(
            [problem(place, "A control character ({code}) stands here.", code=f"U+{ord(unwanted[0]):04X}")]
        )
    return text


def _line_and_column(reason: Problem) -> tuple[int, int]:
    found = _POSITION.search(reason.place)
    return (int(found[1]), int(found[2])) if found else (0, 0)


def _place_of(before: str, name: str) -> str:
    return f"{name}:{before.count(chr(10)) + 1}:{len(before) - before.rfind(chr(10))}"
