"""The outbox: letters wait in the ledger, written with what they tell of, in the site's language."""

import pytest

from cloudctl.core.errors import Message
from cloudctl.core.i18n import Catalogue
from cloudctl.core.outbox import Notice, notices, post, post_notice


def test_letters_are_read_back_in_order_and_by_what_they_are_about(ctx):
    with ctx.writing() as session:
        for about in ("case:1", "case:2", "case:1"):
            post(session, ctx.clock.now(), "fin@example.gov.cn", "Subject", "Body", about)

    with ctx.reading() as session:
        assert [row.about for row in notices(session)] == ["case:1", "case:2", "case:1"]
        assert [row.delivered_at for row in notices(session, "case:1")] == [None, None]


def test_a_notice_is_rendered_in_the_language_it_is_given(ctx):
    notice = Notice(
        "fin", Message("Decision on {vm}, case {case}", {"vm": "a", "case": 1}), Message("Why."), "case:1"
    )
    with ctx.writing() as session:
        post_notice(session, ctx.clock.now(), Catalogue("zh_CN"), notice)

    with ctx.reading() as session:
        assert notices(session)[0].subject == "评审决定：a，压减建议 1"


def test_a_letter_goes_with_its_transaction(ctx):
    with pytest.raises(RuntimeError), ctx.writing() as session:
        post(session, ctx.clock.now(), "fin", "Subject", "Body", "case:1")
        raise RuntimeError

    with ctx.reading() as session:
        assert notices(session) == []
