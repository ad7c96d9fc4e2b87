"""A model from outside: what it is given, and what of its result is refused, with the first row that shows it."""

import json
import re

import numpy as np
import pandas as pd
import pytest

from audit_lib import recommenders
from audit_lib.data import splits
from audit_lib.data.datasets import load
from audit_lib.data.preparing import prepare
from audit_lib.data.sessions import Sessions
from audit_lib.errors import EvidenceError, InputError, MissingError, ScoreError
from audit_lib.evaluation import comparisons, metrics, ranking, sampled
from audit_lib.study import evidence, exchange, outside, running
from tests.click_logs import random_log, write_tsv

N_ITEMS = 40


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A log, and the folder that an outside model is given, in every format."""
    folder = tmp_path_factory.mktemp("outside")
    path = write_tsv(random_log(n_items=N_ITEMS), folder / "clicks.tsv")
    data, split = prepare(path)
    exchange.write(data, split, folder / "x", formats=exchange.FORMATS, made={"name_or_path": str(path)})
    return folder


@pytest.fixture(scope="module")
def given(folder):
    return exchange.read(folder / "x")


@pytest.fixture(scope="module")
def scores(split):
    """(N, V) scores of a Markov chain, which stands for a model from outside."""
    model = recommenders.create("markov", ties="keep").fit(split.train)
    return np.concatenate([block.copy() for block in model.score(split.prefixes)])


@pytest.fixture
def ids(folder, tmp_path):
    table = pd.read_parquet(folder / "x" / "targets.parquet")[["target", "item"]]
    table.to_csv(tmp_path / "ids.tsv", sep="\t", index=False)
    return tmp_path / "ids.tsv"


@pytest.fixture(scope="module")
def split(given):
    return given[1]


def table_of(split, **columns):
    """A row for each target of a split, with these columns beside."""
    target = split.prefixes.target
    return pd.DataFrame({"target": np.arange(len(target)), "item": target, **columns})


def saved(path, array):
    np.save(path, array)
    return path


def as_table(path, table):
    if path.suffix == ".parquet":
        table.to_parquet(path, index=False)
    else:
        table.to_csv(path, sep="\t", index=False)
    return path


# --- what it is given


def test_the_tables_hold_the_events_of_the_split_and_the_prefix_of_every_target(folder, split):
    train, test, targets, catalogue = (
        pd.read_parquet(folder / "x" / f"{name}.parquet") for name in ("train", "test", "targets", "catalogue")
    )
    log = pd.DataFrame({
        "SessionId": train["session"], "ItemId": catalogue["ItemId"].to_numpy()[train["item"]], "Time": train["time"]
    })  # fmt: skip
    again = Sessions.from_log(log, split.train.catalogue)
    np.testing.assert_array_equal(again.items, split.train.items)
    np.testing.assert_array_equal(again.offsets, split.train.offsets)
    assert not set(train["session"]) & set(test["session"])
    assert list(targets["target"]) == list(range(len(split.prefixes)))
    for row in targets.sample(20, random_state=0).itertuples():
        events = test[test["session"] == row.session]["item"].tolist()
        assert list(row.prefix) == events[: row.step]
        assert row.item == events[row.step]


def test_text_holds_what_parquet_holds(folder):
    for name in ("train", "test", "catalogue", "targets"):
        text = pd.read_csv(folder / "x" / f"{name}.tsv", sep="\t", dtype={"prefix": str, "ItemId": str})
        table = pd.read_parquet(folder / "x" / f"{name}.parquet")
        if name == "targets":
            table["prefix"] = [" ".join(map(str, row)) for row in table["prefix"]]
        pd.testing.assert_frame_equal(text, table.astype(text.dtypes.to_dict()))


def test_recboles_files_have_every_prefix_of_train_and_the_targets_in_order(folder, split):
    files = {part: folder / "x" / "clicks" / f"clicks.{part}.inter" for part in ("train", "test")}
    inter = {part: pd.read_csv(path, sep="\t") for part, path in files.items()}
    assert list(inter["train"]) == ["session_id:token", "item_id_list:token_seq", "item_id:token"]
    assert len(inter["train"]) == split.train.n_events - split.train.n_sessions
    assert list(inter["test"]["session_id:token"]) == list(range(len(split.prefixes)))
    assert list(inter["test"]["item_id:token"]) == split.prefixes.target.tolist()
    assert not set(inter["train"]["session_id:token"]) & set(inter["test"]["session_id:token"])
    longest = max(inter["test"]["item_id_list:token_seq"].astype(str).str.split().map(len))
    assert longest <= exchange.LONGEST


def test_session_recs_files_are_logs_of_their_own(folder, split):
    for name, part in (("train_full", split.train), ("test", split.test)):
        (folder / f"{name}.tsv").write_bytes((folder / "x" / f"clicks_{name}.txt").read_bytes())
        log = load(folder / f"{name}.tsv").log
        assert (len(log), log["SessionId"].nunique()) == (part.n_events, part.n_sessions)


def test_a_folder_of_another_split_or_of_none_is_refused(folder, tmp_path):
    with pytest.raises(MissingError, match=r"There is no .*split\.json"):
        exchange.read(tmp_path)
    about = json.loads((folder / "x" / "split.json").read_text())
    about["made"]["min_item_support"] = 20
    (tmp_path / "split.json").write_text(json.dumps(about))
    with pytest.raises(EvidenceError, match="the log or its preparation has changed"):
        exchange.read(tmp_path)
    (tmp_path / "split.json").write_text("{}")
    with pytest.raises(EvidenceError, match="says nothing of a split"):
        exchange.read(tmp_path)


def test_a_folder_takes_more_formats_of_its_split_and_none_of_another(folder, given, tmp_path):
    data, split = given
    made = {"name_or_path": str(folder / "clicks.tsv")}
    for form in ("tsv", "parquet"):
        place = exchange.write(data, split, tmp_path, formats=(form,), made=made)
    assert {"targets.tsv", "targets.parquet"} < set(json.loads(place.read_text())["files"])
    _, shorter = prepare(folder / "clicks.tsv", test_days=1)
    with pytest.raises(EvidenceError, match="holds the files of another split"):
        exchange.write(data, shorter, tmp_path, formats=("recbole",), made=made | {"test_days": 1})
    assert exchange.read(tmp_path)[1].summary == split.summary


def test_an_unknown_format_is_refused(given, tmp_path):
    with pytest.raises(InputError, match="'xlsx' is no format"):
        exchange.write(*given, tmp_path / "x", formats=("xlsx",), made={})


# --- what it gives


def test_scores_in_any_pieces_and_column_order_give_the_ranks_of_a_run_here(given, scores, ids, tmp_path):
    data, split = given
    own = running.run(data, split, "markov", ties="keep", out=tmp_path / "own")
    order = np.random.default_rng(0).permutation(split.train.n_items)
    items = as_table(tmp_path / "items.tsv", pd.DataFrame({"item": order}))
    pieces = [saved(tmp_path / f"{i}.npy", part) for i, part in enumerate(np.array_split(scores[:, order], 3))]
    run, found = outside.evaluate(
        data, split, pieces, name="peer", source="a library 1.0", settings={"epochs": "3"}, seed=2, ids=ids,
        items=items, out=tmp_path / "ev",
    )  # fmt: skip
    pd.testing.assert_frame_equal(run.ranks, own.ranks)
    assert (found.kind, found.up_to, run.up_to) == ("scores", None, None)
    again = evidence.read(run.path)
    assert (again.recommender, again.seed) == ("peer", 2)
    assert again.manifest["config"] == {"source": "a library 1.0", "epochs": "3"}
    assert again.manifest["data_hash"] == data.data_hash


@pytest.mark.parametrize("form", ["tsv", "parquet"])
def test_ranks_are_taken_as_they_are_and_sampled_by_popularity_only_with_their_support(given, scores, tmp_path, form):
    data, split = given
    own = running.run(data, split, "markov", ties="keep", out=tmp_path)
    table = table_of(split)
    for columns in (("above", "equal"), ranking.COLUMNS):
        path = as_table(tmp_path / f"ranks.{form}", table.join(own.ranks[list(columns)]))
        run, _ = outside.evaluate(data, split, [path], name="peer", out=tmp_path / str(len(columns)))
        assert tuple(run.ranks) == columns
        assert comparisons.compare_runs(own, run, (5,))["difference"].eq(0).all()
        assert sampled.by_metric([run], (5,), n=5)["sampled"].gt(0).all()
        if len(columns) == 2:
            with pytest.raises(InputError, match="Popularity sampling needs the support columns"):
                sampled.by_metric([run], (5,), n=5, sampling="popularity")


def test_lists_give_the_metrics_of_scores_up_to_their_length_and_no_others(given, scores, ids, tmp_path):
    data, split = given
    rng = np.random.default_rng(1)
    untied = scores + rng.random(scores.shape).astype(np.float32) * 1e-3
    whole, _ = outside.evaluate(data, split, [saved(tmp_path / "s.npy", untied)], name="whole", ids=ids, out=tmp_path)
    best = np.argsort(-untied, axis=1)[:, :10]
    table = pd.read_csv(ids, sep="\t").assign(list=[" ".join(map(str, row)) for row in best])
    for files, more in (
        ([as_table(tmp_path / "lists.tsv", table)], {}), ([saved(tmp_path / "l.npy", best)], {"ids": ids}),
        ([as_table(tmp_path / "lists.parquet", table.assign(list=list(best)))], {}),
    ):  # fmt: skip
        run, found = outside.evaluate(data, split, files, name="lists", out=tmp_path, **more)
        assert (found.up_to, found.short) == (10, 0)
        for k in (1, 5, 10):
            for metric in metrics.METRICS.values():
                own, full = (metric(r.ranks["above"], r.ranks["equal"], k) for r in (run, whole))
                np.testing.assert_array_equal(own, full)
    assert evidence.read(run.path).up_to == 10
    with pytest.raises(InputError, match="holds lists of 10 items: a metric at K = 20 is not known"):
        comparisons.compare_runs(whole, run, (5, 20))
    with pytest.raises(InputError, match="nothing follows for sampled metrics"):
        sampled.by_metric([run], (5,), n=5)


def test_a_shorter_list_recommends_no_more_than_it_holds(split, tmp_path):
    target = split.prefixes.target
    lists = [[t] if i % 2 else [(t + 1) % N_ITEMS, t, (t + 2) % N_ITEMS] for i, t in enumerate(target.tolist())]
    lists[0] = []
    table = table_of(split, list=lists)
    found = outside.read([as_table(tmp_path / "l.parquet", table)], split, name="peer")
    assert (found.up_to, found.short) == (3, len(lists) - len(lists[2::2]))
    assert found.columns["above"][:3].tolist() == [split.train.n_items, 0, 1]


def test_float16_scores_and_masked_memory_are_read(split, scores, ids, tmp_path):
    half = scores.astype(np.float16)
    found = outside.read([saved(tmp_path / "s.npy", half)], split, name="peer", ids=ids)
    own = (half > half[np.arange(len(half)), split.prefixes.target][:, None]).sum(1)
    np.testing.assert_array_equal(found.columns["above"], own)


# --- what is refused


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda t: t.iloc[[0, 2, 1, *range(3, len(t))]], "row 1: target 2, where 1 is due"),
        (lambda t: t.assign(item=np.roll(t["item"], 1)), "row {first}: target {first} is item"),
        (lambda t: t.iloc[:-1], "ends before target {last}: the split has {n}"),
        (lambda t: pd.concat([t, t.iloc[-1:].assign(target=len(t))]), "row {n}: there is no target {n}"),
        (lambda t: t.assign(above=t["above"].where(t["target"] != 4)), "row 4: above is 'nan'"),
        (lambda t: t.assign(above=t["above"].where(t["target"] != 4, 40)), "row 4: above 40"),
        (lambda t: t.assign(equal=t["equal"].where(t["target"] != 5, -1)), "row 5: above"),
        (lambda t: t.assign(item=t["item"].astype(float).where(t["target"] != 3, 0.5)), "row 3: item is '0.5'"),
        (lambda t: t.drop(columns="item"), "lacks the column item; it has target, above, equal"),
        (lambda t: t.drop(columns="above"), "must have either the columns above and equal"),
    ],
)
def test_a_table_that_does_not_fit_is_refused_with_its_first_row(split, tmp_path, spoil, message):
    table, target = table_of(split, above=1, equal=0), split.prefixes.target
    first = int(np.argmax(np.roll(target, 1) != target))
    said = message.format(first=first, n=len(target), last=len(target) - 1)
    with pytest.raises(InputError, match=re.escape(said)):
        outside.read([as_table(tmp_path / "r.tsv", spoil(table))], split, name="peer")


@pytest.mark.parametrize(
    ("lists", "message"),
    [
        ({2: [1, 2, 1]}, "row 2: its list holds an item twice"),
        ({3: [1, 400]}, "row 3: its list holds 400, which is no item"),
        ({3: [-1]}, "row 3: its list holds -1"),
        (None, "every list is empty"),
    ],
)
def test_a_list_that_does_not_fit_is_refused_with_its_first_row(split, tmp_path, lists, message):
    rows = [[] if lists is None else lists.get(i, [0, 1]) for i in range(len(split.prefixes))]
    table = table_of(split, list=rows)
    with pytest.raises(InputError, match=message):
        outside.read([as_table(tmp_path / "l.parquet", table)], split, name="peer")


def test_a_text_list_of_anything_else_is_refused(split, tmp_path):
    table = table_of(split, list="1 two")
    with pytest.raises(InputError, match=r"row 0: '1 two' is no list of items\. Write the numbers"):
        outside.read([as_table(tmp_path / "l.tsv", table)], split, name="peer")
    both = table.assign(list="1 2", above=0, equal=0)
    with pytest.raises(InputError, match="must have either the columns above and equal, which are ranks, or list"):
        outside.read([as_table(tmp_path / "l.tsv", both)], split, name="peer")


def test_whole_numbers_are_scores_only_with_a_table_of_items(split, scores, ids, tmp_path):
    places = np.argsort(np.argsort(scores, axis=1), axis=1)  # whole numbers in the order of the scores
    with pytest.raises(InputError, match="scores, or the items in their order"):
        outside.read([saved(tmp_path / "s.npy", places)], split, name="peer", ids=ids)
    with pytest.raises(InputError, match=r"its list holds 4000, .* store scores as floats"):
        outside.read([saved(tmp_path / "s.npy", np.full((len(scores), 3), 4000))], split, name="peer", ids=ids)
    items = as_table(tmp_path / "items.tsv", pd.DataFrame({"item": range(N_ITEMS)}))
    found = [
        outside.read([saved(tmp_path / "s.npy", array)], split, name="peer", ids=ids, items=items).columns["above"]
        for array in (places, places.astype(float))
    ]
    np.testing.assert_array_equal(*found)


def test_scores_that_do_not_fit_are_refused(split, scores, ids, tmp_path):
    def read(array, **more):
        return outside.read([saved(tmp_path / "s.npy", array)], split, name="peer", **({"ids": ids} | more))

    spoiled = scores.copy()
    spoiled[7, 3] = np.nan
    with pytest.raises(ScoreError, match="scores of prefix 7 are not all finite"):
        read(spoiled)
    with pytest.raises(InputError, match=f"{N_ITEMS + 1} columns .* Leave out columns of no item"):
        read(np.pad(scores, ((0, 0), (1, 0))))
    with pytest.raises(InputError, match=f"{N_ITEMS - 1} columns for a catalogue of {N_ITEMS} items"):
        read(scores[:, 1:])
    with pytest.raises(InputError, match=f"hold {len(scores) - 1} rows for {len(scores)} targets"):
        read(scores[1:])
    with pytest.raises(InputError, match="does not say which target its rows are of"):
        read(scores, ids=None)
    with pytest.raises(InputError, match=r"of shape \(3,\)"):
        read(scores[0, :3])
    for items, message in (
        ([*range(1, N_ITEMS), 1], "lacks item 0"), ([*range(N_ITEMS), 0], f"row {N_ITEMS}: item 0"),
        ([N_ITEMS, *range(1, N_ITEMS)], f"row 0: item {N_ITEMS} is none of the catalogue"),
    ):  # fmt: skip
        with pytest.raises(InputError, match=message):
            read(scores, items=as_table(tmp_path / "items.tsv", pd.DataFrame({"item": items})))


def test_files_of_other_kinds_are_refused(split, ids, tmp_path):
    (tmp_path / "a.npy").write_bytes(b"nothing")
    (tmp_path / "a.parquet").write_bytes(b"nothing")
    for files, message, kind in (
        ([tmp_path / "none.npy"], "There is no file", MissingError), ([tmp_path / "none.tsv"], "no file", MissingError),
        ([tmp_path / "a.npy"], "is no .npy file", InputError), ([tmp_path / "a.parquet"], "cannot be read", InputError),
        ([tmp_path / "a.xlsx"], "There is no file", MissingError), ([ids, ids], "is one file", InputError),
    ):  # fmt: skip
        with pytest.raises(kind, match=message):
            outside.read(files, split, name="peer", ids=ids if files[0].suffix == ".npy" else None)


def test_a_name_of_this_library_and_other_ranks_under_one_name_are_refused(given, scores, ids, tmp_path):
    data, split = given
    path = saved(tmp_path / "s.npy", scores)
    with pytest.raises(InputError, match="'vsknn' is a recommender of this library"):
        outside.evaluate(data, split, [path], name="vsknn", ids=ids, out=tmp_path)
    with pytest.raises(InputError, match="cannot name a folder"):
        outside.evaluate(data, split, [path], name="a/b", ids=ids, out=tmp_path)
    first, _ = outside.evaluate(data, split, [path], name="peer", ids=ids, out=tmp_path)
    same, _ = outside.evaluate(data, split, [path], name="peer", ids=ids, out=tmp_path)
    assert same.manifest == first.manifest
    saved(path, -scores)
    with pytest.raises(EvidenceError, match="holds other ranks under the same name"):
        outside.evaluate(data, split, [path], name="peer", ids=ids, out=tmp_path)
    other, _ = outside.evaluate(data, split, [path], name="peer", ids=ids, out=tmp_path, fresh=True)
    assert other.manifest["sha256"] != first.manifest["sha256"]


def test_a_published_split_keeps_the_targets_that_no_model_is_asked_for(tmp_path):
    log = random_log(n_items=N_ITEMS)
    days = (log["Time"] - log["Time"].min()) // 86400
    last = log.groupby("SessionId")["Time"].transform("min") >= log["Time"].max() - 2 * 86400
    log["Part"] = np.where(last, "test", "train")
    log.loc[last & (log.index % 5 == 0), "ItemId"] = 10_000  # an item that train does not know
    assert days.max() > 2
    split = splits.published_split(log)
    assert split.published is not None
    table = table_of(split, list=[[int(t)] for t in split.prefixes.target])
    found = outside.read([as_table(tmp_path / "l.parquet", table)], split, name="peer")
    hit = metrics.recall(found.columns["above"], found.columns["equal"], 1)
    assert len(hit) == len(split.targets)
    assert hit[split.targets.row >= 0].all()
    assert not hit[split.targets.outside].any()
