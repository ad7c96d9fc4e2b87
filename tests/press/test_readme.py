"""The READMEs say what the evidence says, and their examples run."""

import re
import shlex

import pytest

from audit_lib.__main__ import main
from audit_lib.files import PROJECT
from book.press import readme

TEXTS = {lang: (PROJECT / name).read_text("utf8") for lang, name in readme.FILES.items()}


def commands(text):
    """The shell lines of the first `bash` example, without comments."""
    block = re.search(r"```bash\n(.*?)```", text, re.DOTALL)[1]
    return [shlex.split(line, comments=True) for line in block.splitlines() if line.strip()]


@pytest.mark.parametrize("lang", readme.FILES)
def test_the_headline_table_is_what_the_committed_evidence_gives(lang):
    assert readme.rewrite(TEXTS[lang], lang) == TEXTS[lang]


def test_a_table_that_was_typed_over_is_noticed():
    edited = re.sub(r"\*\*\d\d\.\d %\*\*", "**99.9 %**", TEXTS["en"], count=1)
    assert edited != TEXTS["en"]
    assert readme.rewrite(edited, "en") == TEXTS["en"]


def test_both_readmes_show_the_same_commands():
    assert commands(TEXTS["en"]) == commands(TEXTS["es"])


def test_the_example_on_an_own_log_runs_as_it_is_printed(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AUDIT_EVIDENCE", str(tmp_path / "evidence"))
    for words in commands(TEXTS["en"]):
        assert words[:3] == ["python", "-m", "audit_lib"]
        main(words[3:])
    assert len(list((tmp_path / "evidence").rglob("*-s0.parquet"))) == 2
    assert "events" in capsys.readouterr().out


def test_links_inside_the_repository_lead_somewhere():
    for text in TEXTS.values():
        for target in re.findall(r"\]\(([^)#]+)\)", text):
            assert target.startswith("http") or (PROJECT / target).exists(), target
