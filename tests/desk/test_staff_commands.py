"""Chapter 4.4: whoever sets a first password for somebody else knows it, so it must be changed."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from bot.console import staff_commands
from bot.desk.staff import new_password
from bot.storage.staff import Staff


@pytest.mark.parametrize("password", [[], ["--password", "Correct-Horse-7"]])
def test_a_first_password_is_to_be_changed_whoever_chose_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
    password: list[str],
) -> None:  # fmt: skip
    monkeypatch.setenv("INTAKE_HOME", str(tmp_path))
    monkeypatch.delenv("INTAKE_DATABASE_URL", raising=False)
    parser = argparse.ArgumentParser()
    staff_commands.add_arguments(parser)

    assert 0 == staff_commands.run(parser.parse_args(["add", "li", *password]))

    with staff_commands.opened() as session:
        assert 1 == session.query(Staff).filter_by(name="li").one().must_change
    shown = capsys.readouterr().out
    assert "to be changed at the first sign-in" in shown and "Correct-Horse" not in shown


def test_a_generated_password_is_never_one_that_is_refused_for_the_name_in_it() -> None:
    assert not [word for _ in range(50) if "a" in (word := new_password("A")).lower()]
    assert new_password("")
