"""Figures: the table behind each, the same bytes for the same data, told by more than colour, in two languages."""

import hashlib
import io

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_rgb

from audit_lib.show import figures
from audit_lib.show.csv import csv_text
from audit_lib.show.plot import COLOURS, MARKERS, PALE, SERIES
from audit_lib.show.words import RECOMMENDERS

LENGTHS = pd.DataFrame({"length": [2, 3, 4], "sessions": [10, 5, 1]})
SUPPORT = pd.DataFrame({"position": [1, 2, 3], "support": [100, 10, 3]})
STARTS = pd.DataFrame({"start": [0.0, 86_400, 172_800], "sessions": [3, 9, 4]})
NAMES = ["popularity", "markov", "vsknn"]
CUTOFFS = pd.DataFrame(
    [{"recommender": r, "k": k, "value": (i + 1) * k / 80} for i, r in enumerate(NAMES) for k in (1, 5, 10, 20)]
)
INTERVALS = CUTOFFS.assign(low=CUTOFFS["value"] - 0.01, high=CUTOFFS["value"] + 0.01)
GROUPS = pd.DataFrame(
    [{"recommender": r, "group": g, "value": 0.1 * (i + 1)} for i, r in enumerate(NAMES) for g in (1, 2, 3)]
)
NEGATIVES = CUTOFFS.rename(columns={"k": "n"})

PLOTS = {
    "session_lengths": lambda lang: figures.session_lengths(LENGTHS, lang=lang),
    "popularity_curve": lambda lang: figures.popularity_curve(SUPPORT, lang=lang),
    "activity": lambda lang: figures.activity(STARTS, cut=100_000.0, lang=lang),
    "by_cutoff": lambda lang: figures.by_cutoff(INTERVALS, lang=lang),
    "by_negatives": lambda lang: figures.by_negatives(NEGATIVES, k=20, full=499, lang=lang),
    "by_group": lambda lang: figures.by_group(GROUPS, xlabel="Sessions", lang=lang),
    "bars": lambda lang: figures.bars(
        GROUPS[GROUPS["group"] == 1].assign(group="Sessions"), category="group", value="value", series="recommender",
        xlabel="Sessions", lang=lang,
    ),
}  # fmt: skip

every = pytest.mark.parametrize("name", PLOTS)


def axes_of(plot):
    (axes,) = plot.figure.axes
    return axes


def words(plot):
    """Every text of a figure."""
    axes = axes_of(plot)
    legends = filter(None, [axes.get_legend(), *plot.figure.legends])
    texts = [*axes.get_xticklabels(), *axes.get_yticklabels(), *(text for one in legends for text in one.get_texts())]
    return [axes.get_xlabel(), axes.get_ylabel(), *(text.get_text() for text in texts)]


@every
def test_the_same_data_give_the_same_picture_byte_for_byte(name):
    first, second = (PLOTS[name]("en").image() for _ in range(2))
    assert first == second
    assert first.startswith(b"<?xml")


def test_the_same_data_give_the_same_bytes_as_png_too():
    first, second = (PLOTS["bars"]("en").image("png") for _ in range(2))
    assert first == second
    assert first.startswith(b"\x89PNG")


@every
def test_a_figure_carries_the_table_that_it_shows(name):
    plot = PLOTS[name]("en")
    assert isinstance(plot.table, pd.DataFrame)
    assert len(plot.table) >= 3
    assert repr(plot) == f"<{len(plot.table)} rows plotted, sha256 {plot.digest()[:16]}>"


def test_a_notebook_gets_the_picture_as_text_the_digest_and_the_data():
    plot = PLOTS["by_cutoff"]("en")
    shown = plot._repr_mimebundle_()
    assert shown == {"image/svg+xml": plot.image().decode(), "text/plain": repr(plot), "text/csv": csv_text(plot.table)}


@every
def test_the_language_changes_the_words_and_not_the_data(name):
    english, spanish = PLOTS[name]("en"), PLOTS[name]("es")
    assert english.digest() == spanish.digest()
    assert words(english) != words(spanish)


def test_drawing_leaves_the_style_of_the_reader_alone():
    before = dict(plt.rcParams)
    PLOTS["by_group"]("en").image()
    assert dict(plt.rcParams) == before
    assert plt.get_fignums() == []


@pytest.mark.parametrize("name", ["by_cutoff", "by_negatives", "by_group"])
def test_every_series_has_a_colour_and_a_marker_of_its_own_and_shows_its_values(name):
    plot = PLOTS[name]("en")
    lines = [line for line in axes_of(plot).lines if line.get_marker() in MARKERS]
    assert [line.get_label() for line in lines] == ["Popularity", "Markov", "V-SKNN"]
    assert len({line.get_marker() for line in lines}) == len({line.get_color() for line in lines}) == 3
    for line, recommender in zip(lines, NAMES, strict=True):
        shown = plot.table.loc[plot.table["recommender"] == recommender, "value"]
        np.testing.assert_array_equal(line.get_ydata(), shown)


def test_a_recommender_looks_the_same_in_every_figure_and_like_no_other():
    assert set(SERIES) == set(RECOMMENDERS)
    assert len({style[:2] for style in SERIES.values()}) == len(SERIES)
    alone = CUTOFFS[CUTOFFS["recommender"] == "vsknn"]
    first, second = axes_of(figures.by_cutoff(CUTOFFS)).lines[-1], axes_of(figures.by_cutoff(alone)).lines[0]
    assert first.get_label() == second.get_label() == "V-SKNN"
    assert (first.get_color(), first.get_marker()) == (second.get_color(), second.get_marker()) == SERIES["vsknn"][:2]


def test_of_many_lines_those_that_tell_the_story_are_in_colour():
    names = [name for name in RECOMMENDERS if name not in ("gru4rec_2016", "gru4rec_official", "srgnn", "oracle")]
    values = {"stan": 0.9} | dict.fromkeys(("own", *names), 0.5)
    table = pd.DataFrame([
        {"recommender": name, "k": k, "value": 0.9 if name == "stan" else value / 2}
        for name, value in values.items() for k in (1, 20)
    ])  # fmt: skip
    lines = axes_of(figures.by_cutoff(table)).lines
    coloured = {line.get_label() for line in lines if line.get_color() != PALE}
    assert coloured == {"Popularity", "STAN", "GRU4Rec", "own"}
    assert len({(line.get_color(), line.get_marker(), line.get_linestyle()) for line in lines}) == len(lines) == 14


def test_over_cutoffs_the_one_that_leads_at_the_last_is_in_colour():
    names = [name for name in SERIES if not name.startswith("gru4rec")]
    rows = [{"recommender": name, "k": k, "value": 0.1} for name in names for k in (5, 20)]
    table = pd.DataFrame(rows)
    table.loc[(table["recommender"] == "sr") & (table["k"] == 5), "value"] = 0.9  # ahead on the mean
    table.loc[(table["recommender"] == "stan") & (table["k"] == 20), "value"] = 0.2
    lines = {line.get_label(): line.get_color() for line in axes_of(figures.by_cutoff(table)).lines}
    assert lines["STAN"] != PALE
    assert lines["Sequential rules"] == PALE


def test_no_two_of_twenty_series_look_the_same():
    table = pd.DataFrame([{"recommender": f"own {i}", "k": k, "value": i / 20} for i in range(20) for k in (1, 20)])
    lines = axes_of(figures.by_cutoff(table)).lines
    assert len({(line.get_color(), line.get_linestyle()) for line in lines}) == 20
    assert len({(line.get_marker(), line.get_linestyle()) for line in lines}) == 20


@pytest.mark.parametrize("name", ["by_cutoff", "by_negatives", "by_group", "bars"])
def test_the_legend_hides_nothing(name):
    plot = PLOTS[name]("es")
    plot.image()
    (legend,) = plot.figure.legends
    assert legend.get_window_extent().y0 >= axes_of(plot).get_window_extent().y1


def test_lengths_of_sessions_are_marked_in_whole_events():
    plot = PLOTS["session_lengths"]("en")
    assert all(float(tick).is_integer() for tick in axes_of(plot).get_xticks())


def test_intervals_are_drawn_only_where_the_table_has_them():
    assert len(axes_of(figures.by_cutoff(INTERVALS)).collections) == 3
    assert len(axes_of(figures.by_cutoff(CUTOFFS)).collections) == 0


def test_bars_show_every_value_of_the_table():
    plot = PLOTS["bars"]("en")
    widths = [bar.get_width() for bar in axes_of(plot).patches]
    assert sorted(widths) == sorted(plot.table["value"])
    assert len({bar.get_hatch() for bar in axes_of(plot).patches}) == 3


def test_the_test_part_of_the_activity_begins_at_the_cut():
    (axes,) = figures.activity(STARTS, cut=86_400.0).figure.axes
    (span,) = axes.patches
    assert span.get_x() == 1.0  # days since the first event
    assert axes.get_legend().get_texts()[0].get_text() == "Test part"
    assert axes_of(figures.activity(STARTS)).get_legend() is None


def test_a_changed_value_changes_the_digest_and_rounding_noise_does_not():
    digest = figures.by_cutoff(CUTOFFS).digest()
    assert figures.by_cutoff(CUTOFFS.assign(value=CUTOFFS["value"] * (1 + 1e-13))).digest() == digest
    assert figures.by_cutoff(CUTOFFS.assign(value=CUTOFFS["value"] * (1 + 1e-6))).digest() != digest


def test_a_saved_figure_is_two_pictures_and_its_table(tmp_path):
    plot = figures.session_lengths(LENGTHS)
    plot.save(tmp_path / "new" / "lengths.v1.svg")
    folder = tmp_path / "new"
    assert sorted(p.name for p in folder.iterdir()) == ["lengths.v1.csv", "lengths.v1.png", "lengths.v1.svg"]
    pd.testing.assert_frame_equal(pd.read_csv(folder / "lengths.v1.csv"), LENGTHS)
    assert hashlib.sha256((folder / "lengths.v1.svg").read_bytes()).digest() == hashlib.sha256(plot.image()).digest()
    image = plt.imread(io.BytesIO((folder / "lengths.v1.png").read_bytes()))
    assert image.shape[1] == round(7.0 * 192)  # inches at twice the resolution of a screen


def luminance(colour):
    """Relative luminance (WCAG 2.1)."""
    linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(colour)]
    return float(np.dot([0.2126, 0.7152, 0.0722], linear))


def test_the_palette_is_distinct_and_seen_on_white():
    assert len(set(COLOURS)) == len(set(MARKERS)) == len(COLOURS) == 8
    for colour in COLOURS:
        assert 1.05 / (luminance(colour) + 0.05) > 2, colour
