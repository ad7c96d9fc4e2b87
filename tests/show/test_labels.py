"""Words in figures and tables: complete in both languages, never half translated."""

import re
import string

import numpy as np
import pandas as pd
import pytest
from babel.messages.pofile import read_po

from audit_lib.data.registry import REGISTRY as LOGS
from audit_lib.errors import InputError, MissingError
from audit_lib.recommenders import REGISTRY
from audit_lib.show import words
from audit_lib.show.table import DIFFERENCE, Estimate, Interval, Links, Table
from audit_lib.show.words import DATA_SETS, RECOMMENDERS, data_name, name_of, translator, typeset

PO = r'''
msgid "Sessions"
msgstr "Sesiones"

msgid "Value"
msgstr "Valor"

msgid "<b>"
msgstr "<i>"

#, fuzzy
msgid "Doubtful"
msgstr "Dudoso"

msgid "Empty"
msgstr ""
'''


def placeholders(text):
    """The names in braces."""
    return sorted(name for _, name, _, _ in string.Formatter().parse(text) if name is not None)


@pytest.fixture
def po(tmp_path, monkeypatch):
    """A small Spanish catalogue instead of the book's."""
    folder = tmp_path / "es" / "LC_MESSAGES"
    folder.mkdir(parents=True)
    (folder / "labels.po").write_text(PO, "utf8")
    monkeypatch.setattr(words, "CATALOGUE", tmp_path)
    words.catalogue.cache_clear()
    yield folder / "labels.po"
    words.catalogue.cache_clear()


def test_english_labels_are_their_own_translation():
    assert translator("en")("Anything at all") == "Anything at all"


def test_spanish_labels_come_from_the_catalogue(po):
    assert translator("es")("Sessions") == "Sesiones"


@pytest.mark.parametrize("label", ["Missing", "Doubtful", "Empty"])
def test_a_label_that_is_missing_fuzzy_or_empty_is_an_error(po, label):
    with pytest.raises(InputError, match=f"The label '{label}' has no 'es' translation"):
        translator("es")(label)


def test_every_data_set_of_the_registry_has_a_name_in_both_languages():
    assert set(DATA_SETS) == set(LOGS)
    names = [[data_name(name, lang) for name in DATA_SETS] for lang in words.LANGUAGES]
    assert all(len(set(each)) == len(DATA_SETS) for each in names)
    assert data_name("diginetica", "es") == "Diginetica"
    assert data_name("seed_demo", "es") != data_name("seed_demo", "en")


def test_an_own_log_goes_by_its_own_name_and_a_generated_one_without_its_settings():
    assert data_name("clicks", "es") == "clicks"
    assert data_name("synthetic_latent:n_items=60") == data_name("synthetic_latent")


def test_a_language_that_the_book_lacks_is_refused():
    with pytest.raises(InputError, match="Unknown language 'fr'"):
        translator("fr")


def test_a_missing_catalogue_is_named(po):
    po.unlink()
    with pytest.raises(MissingError, match=r"labels\.po"):
        translator("es")


def test_the_books_catalogue_is_complete_and_keeps_every_placeholder():
    path = words.CATALOGUE / "es" / "LC_MESSAGES" / "labels.po"
    messages = [m for m in read_po(path.open("rb")) if m.id]
    assert len(messages) > 20
    for message in messages:
        assert message.string, message.id
        assert not message.fuzzy, message.id
        assert placeholders(message.id) == placeholders(message.string), message.id


def test_every_recommender_of_the_registry_has_a_name_in_both_languages():
    assert set(REGISTRY) <= set(RECOMMENDERS)
    for name in REGISTRY:
        assert name_of(name, "en")
        assert name_of(name, "es")
    assert name_of("popularity", "es") != name_of("popularity", "en")


def test_an_own_recommender_goes_by_its_own_name():
    assert name_of("my_model", "es") == "my_model"


# --- tables

DATA = pd.DataFrame({"Value": ["x", "<y>"], "Sessions": [1234567, 5]})


def test_headings_are_translated_and_numbers_are_not(po):
    table = Table(DATA, lang="es")
    words = ["x", "1\u202f234\u202f567", "<y>", "5"]
    assert re.findall("[^ \n]+", repr(table)) == ["Valor", "Sesiones", *words]
    assert re.findall("[^ \n]+", repr(Table(DATA, lang="en"))) == ["Value", "Sessions", *words]


def test_html_is_escaped_and_text_is_set_left_and_numbers_right(po):
    html = Table(DATA.rename(columns={"Value": "<b>"}), lang="es")._repr_html_()
    assert "&lt;i&gt;" in html
    assert "&lt;y&gt;" in html
    assert "<y>" not in html
    assert html.count("text-align:left") == html.count("text-align:right") == 3  # a heading and two cells each


def test_a_heading_without_translation_is_an_error_in_both_forms(po):
    table = Table(pd.DataFrame({"Missing": [1]}), lang="es")
    for show in (repr, Table._repr_html_):
        with pytest.raises(InputError, match="Missing"):
            show(table)


def test_numbers_have_one_format_and_what_is_not_there_is_a_dash():
    data = pd.DataFrame({"a": [0.12345, np.nan], "b": [1e6, 2.0], "c": ["text", None], "d": [0.5, 0.25]})
    table = Table(data, lang="en", formats={"b": ",d", "d": ".2f"})
    assert table.rows() == [["12.3\u00a0%", "1\u202f000\u202f000", "text", "0.50"], ["–", "2", "–", "0.25"]]


def test_a_difference_of_shares_is_in_points_which_its_heading_says():
    cells = {"Difference": [0.0181, -0.0004], "95 % interval": [Interval(0.01, 0.026, DIFFERENCE)] * 2}
    table = Table(pd.DataFrame(cells), lang="es")
    assert table.rows() == [["+1.8", "+1.0 – +2.6"], ["+0.0", "+1.0 – +2.6"]]
    assert table.markdown()[0] == "| Diferencia, puntos | Intervalo del 95\u00a0% |"


def test_an_estimate_has_its_interval_in_one_cell_and_its_unit_once():
    cells = [Estimate(0.5416, 0.5361, 0.5471), Estimate(0.0129, 0.009, 0.0166, DIFFERENCE)]
    table = Table(pd.DataFrame({"Recall@20": cells[:1], "Difference": cells[1:]}), lang="en")
    assert table.rows() == [["54.2\u00a0% [53.6, 54.7]", "+1.3 [+0.9, +1.7]"]]
    assert table.markdown()[0] == "| Recall@20 | Difference, points |"


def test_a_csv_file_keeps_fractions():
    cells = {"Difference": [0.25], "95 % interval": [Interval(0.125, 0.5)], "Recall@20": [Estimate(0.5, 0.25, 0.75)]}
    text = Table(pd.DataFrame(cells), lang="en").csv()
    assert text == 'Difference,95 % interval,Recall@20\n0.25,0.125 – 0.5,"0.5 [0.25, 0.75]"\n'


def test_data_sets_and_recommenders_go_by_their_names_in_a_table():
    table = Table(pd.DataFrame({"Data sets": ["rsc15_100k, entree"], "Recommender": ["vsknn"]}), lang="en")
    assert table.rows() == [["RSC15 100K, Entree", "V-SKNN"]]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("-0.0140 – 0.0100", "\u22120.0140 – 0.0100"), ("2014-04-01 – 2014-08-25", "2014-04-01 – 2014-08-25"),
        ("[-0.1, 12,345]", "[\u22120.1, 12\u202f345]"), ("-1.0e-09", "\u22121.0e\u221209"), ("0,1,2", "0,1,2"),
        ("+2.1% (-.5%)", "+2.1\u00a0% (\u2212.5\u00a0%)"), ("gru4rec-1", "gru4rec-1"),
    ],
)  # fmt: skip
def test_numbers_are_set_alike_in_every_language_and_dates_are_left(text, shown):
    assert typeset(text) == shown


def test_a_cell_of_words_is_left_as_it_is():
    words = ["seed -1, 2,000 items, 5%", "-5% – 1,000"]
    assert Table(pd.DataFrame({"a": words}), lang="en").rows() == [[words[0]], ["\u22125\u00a0% – 1\u202f000"]]


@pytest.mark.parametrize(
    ("value", "shown"), [(np.float32(0.5), "50.0\u00a0%"), (np.float64(0.5), "50.0\u00a0%"), (np.int8(7), "7")]
)
def test_values_of_numpy_are_shown_as_those_of_python(value, shown):
    (row,) = Table(pd.DataFrame({"a": pd.Series([value], dtype=object)}), lang="en").rows()
    assert row == [shown]


@pytest.mark.parametrize(
    ("value", "spec", "text"),
    [
        (1421.7, ",.3g", "1,420"), (1421.7, ".3g", "1420"), (14_217.0, ",.2g", "14,000"),
        (0.0015321, ",.3g", "0.00153"),
        (0.0184, "+points", "+1.8"), (-0.0184, "points", "1.8"), (-0.0001, "+.2points", "-0.01"),
        (75.44, ",.3g", "75.4"), (0.05, ",.3g", "0.05"), (1421.7, ",.1f", "1,421.7"), (1421, ",d", "1,421"),
    ],
)  # fmt: skip
def test_significant_digits_need_no_exponent(value, spec, text):
    assert words.number(value, spec) == text


def test_links_are_links_on_a_page_words_in_text_and_addresses_in_a_file():
    cell = Links((("main.py <39>", "https://a.b/c?d&e#L39"), ("61", "https://a.b/c#L61")))
    table = Table(pd.DataFrame({"a": [cell]}), lang="en")
    assert '<a href="https://a.b/c?d&amp;e#L39">main.py &lt;39&gt;</a>, <a href="https://a.b/c#L61">61</a>' in (
        table._repr_html_()
    )
    assert table.rows() == [["main.py <39>, 61"]]
    assert "main.py <39> <https://a.b/c?d&e#L39>, 61 <https://a.b/c#L61>" in table.csv()


def test_a_page_shows_some_rows_and_the_csv_has_all() -> None:
    data = pd.DataFrame({"Seeds": [1, 2, 3]})
    table = Table(data, lang="es", shown=data["Seeds"] > 2)
    rest = "1 de 3 filas; el CSV las contiene todas."
    assert re.findall("<td[^>]*>(.)", table._repr_html_()) == ["3"]
    assert table._repr_html_().endswith(f'<p class="table-rest">{rest}</p>')
    assert table.markdown()[2:] == ["| 3 |", "", rest]
    assert repr(table).split()[1:] == ["3", *rest.split()]
    assert table.csv().split() == ["Semillas", "1", "2", "3"]
    assert not Table(data, lang="es").rest()


def test_a_table_may_be_in_the_csv_alone() -> None:
    table = Table(pd.DataFrame({"Seed": [0] * 1200, "Commit": ["–"] * 1200}), lang="en", shown=False)
    assert table.markdown() == [repr(table)] == ["1\u202f200 rows, in the CSV: Seed, Commit."]
    assert table._repr_html_() == f'<p class="table-rest">{table}</p>'
    assert str(Table(table.data[:1], lang="es", shown=False)) == "1 fila, en el CSV: Semilla, Commit."
    assert len(table.csv().split()) == 1201
