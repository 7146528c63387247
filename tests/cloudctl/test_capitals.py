"""Amounts in Chinese capitals read back as the same amount and follow the rules for 整 and 零."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudctl.core.capitals import DIGITS, capitals

LARGEST = 10**18 - 1


@pytest.mark.parametrize(
    ("fen", "text"),
    [
        (1640902, "壹万陆仟肆佰零玖元零贰分"),
        (32504, "叁佰贰拾伍元零肆分"),
        (0, "零元整"),
        (1, "零元零壹分"),
        (50, "零元伍角"),
        (100, "壹元整"),
        (1000, "壹拾元整"),
        (16000, "壹佰陆拾元整"),
        (168032, "壹仟陆佰捌拾元叁角贰分"),
        (140950, "壹仟肆佰零玖元伍角"),
        (600714, "陆仟零柒元壹角肆分"),
        (10700053, "壹拾万柒仟元伍角叁分"),
        (10_0500_00, "壹拾万零伍佰元整"),
        (1_0000_0001_00, "壹亿零壹元整"),
        (1_0001_0000_00, "壹亿零壹万元整"),
        (1_0000_0000_0000_00, "壹万亿元整"),
        (1_0002_0000_0000_00, "壹万零贰亿元整"),
        (-20000, "负贰佰元整"),
    ],
)
def test_amounts_are_written_as_finance_writes_them(fen, text):
    assert capitals(fen) == text


def read_back(text: str) -> int:
    """An independent reader: digit by digit, unit by unit."""
    whole, part = text.split("元")
    fen = 0
    for mark, worth in (("角", 10), ("分", 1)):
        if mark in part:
            fen += DIGITS.index(part[part.index(mark) - 1]) * worth
    total, section, digit = 0, 0, 0
    for sign in whole:
        if sign in DIGITS:
            digit = DIGITS.index(sign)
        elif sign in "拾佰仟":
            section += digit * {"拾": 10, "佰": 100, "仟": 1000}[sign]
            digit = 0
        elif sign == "万":
            total, section, digit = total + (section + digit) * 10_000, 0, 0
        else:
            total, section, digit = (total + section + digit) * 10**8, 0, 0
    return (total + section + digit) * 100 + fen


@given(st.integers(0, LARGEST))
def test_capitals_read_back_as_the_amount(fen):
    assert read_back(capitals(fen)) == fen


@given(st.integers(0, LARGEST))
def test_ending_and_zero_follow_the_rule(fen):
    text = capitals(fen)
    jiao, cent = fen // 10 % 10, fen % 10

    assert text.endswith("整") == (fen % 100 == 0)
    assert text.endswith("分") == (cent != 0)
    assert ("元零" in text) == (jiao == 0 and cent != 0)
    assert "零零" not in text and "零元" not in text.removeprefix("零元")


@given(st.integers(1, LARGEST))
def test_a_reversal_says_the_same_amount(fen):
    assert capitals(-fen) == "负" + capitals(fen)


def test_an_amount_without_a_name_is_refused():
    with pytest.raises(ValueError, match="too large"):
        capitals(LARGEST + 1)
