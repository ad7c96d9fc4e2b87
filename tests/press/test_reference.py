"""The pages of commands and of the library: made from the code, and their examples name what there is."""

import ast
import re

import pytest

from audit_lib.commands import VERBS
from audit_lib.files import PROJECT
from book.press.directives import reference

PAGES = {name: (PROJECT / "book" / f"{name}.md").read_text("utf8") for name in ("commands", "library")}
def test_every_verb_and_every_verb_below_one_is_there_with_its_help():
    found = dict(reference.commands())
    assert set(VERBS) <= set(found)
    assert {"shard fit", "bench train"} <= set(found)
    for name, text in found.items():
        assert text.startswith(f"Usage: python -m audit_lib {name}")
        assert "--help" in text
    assert len(set(found.values())) == len(found)


def test_no_help_holds_a_path_of_the_machine_it_was_made_on():
    assert not [name for name, text in reference.commands() if str(PROJECT) in text]


def test_every_public_name_is_there_with_its_parameters_and_what_it_does():
    found = list(reference.public_names())
    assert {(m.__name__, name) for m, names in reference.PUBLIC.items() for name in names} <= {f[:2] for f in found}
    said = {name: text for _, name, text in found}
    assert said["Saved.recommend"].startswith("recommend(session, k=20)".replace("recommend", "Saved.recommend", 1))
    for _, name, text in found:
        signature, _, doc = text.partition("\n\n")
        assert signature.startswith(f"{name}(")
        assert doc.strip()


@pytest.mark.parametrize("page", PAGES)
def test_python_on_the_pages_is_python(page):
    for block in re.findall(r"```python\n(.*?)```", PAGES[page], re.DOTALL):
        ast.parse(block)
