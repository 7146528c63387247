"""`cloudctl usage`: windows, figures and what is refused, on a home that holds machines and has no samples."""

import json

from cloudctl.cli.usage import _blocks


def test_blocks_draw_what_was_measured_and_dot_what_was_not() -> None:
    assert _blocks((0.0, 0.5, 1.0, 1.2, None)) == "▁▅██·"


def test_a_window_that_ends_before_it_begins_is_refused(home, run_cli) -> None:  # type: ignore[no-untyped-def]
    result = run_cli(home, "usage", "show", "--from", "2026-10-01", "--to", "2026-09-01")
    assert result.exit_code == 3
    assert "2026-09-01" in result.stderr


def test_an_empty_home_answers_with_an_empty_list(home, run_cli) -> None:  # type: ignore[no-untyped-def]
    result = run_cli(home, "usage", "show", "--by", "unit", "-o", "json", "--from", "2020-01-01")
    assert result.exit_code == 0
    assert json.loads(result.stdout) == []


def test_a_code_that_held_nothing_is_not_found(home, run_cli) -> None:  # type: ignore[no-untyped-def]
    assert run_cli(home, "usage", "show", "ghost", "--from", "2020-01-01").exit_code == 4
    assert run_cli(home, "usage", "chart", "ghost", "--from", "2020-01-01").exit_code == 4
