"""Amounts in Chinese capitals (人民币大写), as a cheque or a statement writes them."""

DIGITS = "零壹贰叁肆伍陆柒捌玖"
PLACES = ("", "拾", "佰", "仟")
GROUPS = ("", "万", "亿", "万亿")


def capitals(amount_fen: int) -> str:
    """The amount in capitals: 整 after 元, nothing after 角 or 分; 零 where 角 is 0 and 分 is not; 负 below zero.

    The rules are those of the People's Bank (《支付结算办法》 annex 1), with the choices it leaves open made so:
    no 整 after 角, no 零 between a group that ends in 0 and a next one that does not begin with it.
    ValueError from ten thousand trillion yuan on.
    """
    if amount_fen < 0:
        return "负" + capitals(-amount_fen)
    yuan, cents = divmod(amount_fen, 100)
    if yuan >= 10 ** (4 * len(GROUPS)):
        raise ValueError(f"too large an amount to write out: {amount_fen}")
    return f"{_whole(yuan)}元{_part(cents // 10, cents % 10)}"


def _part(jiao: int, fen: int) -> str:
    if not jiao and not fen:
        return "整"
    tenths = f"{DIGITS[jiao]}角" if jiao else "零"
    return tenths + (f"{DIGITS[fen]}分" if fen else "")


def _whole(yuan: int) -> str:
    if yuan == 0:
        return DIGITS[0]
    written, is_zero_due, groups = "", False, _groups(yuan)
    for index in range(len(groups) - 1, -1, -1):
        group = groups[index]
        if group == 0:
            is_zero_due = bool(written)
            continue
        if written and (is_zero_due or group < 1000):
            written += DIGITS[0]
        written += _group(group) + _group_name(groups, index)
        is_zero_due = False
    return written


def _groups(yuan: int) -> list[int]:
    groups = []
    while yuan:
        yuan, group = divmod(yuan, 10_000)
        groups.append(group)
    return groups


def _group_name(groups: list[int], index: int) -> str:
    """万 over 亿 is said as 万 when 亿 follows with digits of its own: 壹万贰仟亿, but 壹万亿."""
    return "万" if index == 3 and groups[2] else GROUPS[index]


def _group(group: int) -> str:
    """Up to four digits without leading zeros; a run of inner zeros is one 零."""
    written, is_zero_due = "", False
    for place in (3, 2, 1, 0):
        digit = group // 10**place % 10
        if digit == 0:
            is_zero_due = bool(written)
            continue
        written += (DIGITS[0] if is_zero_due else "") + DIGITS[digit] + PLACES[place]
        is_zero_due = False
    return written
