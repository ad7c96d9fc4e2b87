"""From a name or a path to a data set and its default split."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from audit_lib.data import checks, datasets, large, splits
from audit_lib.data.datasets import Dataset
from audit_lib.data.logs import COLUMNS, TIME
from audit_lib.data.splits import Split
from audit_lib.errors import InputError

OWN_TEST_SHARE = 0.1  # of the days of an own log, unless test_days says otherwise
SINGLE_ITEM = "The catalogue has a single item: there is nothing to choose from."
OWN_SUPPORT = 5  # events that an item needs in the train part of an own log


def prepare(
    name_or_path: str | Path,
    *,
    columns: Mapping[str, str] | str | None = None,
    time_unit: str | None = None,
    test_days: float | None = None,
    min_item_support: int | None = None,
) -> tuple[Dataset, Split]:
    """A data set and its default split: the published one, else the temporal one of its registry entry.

    columns: a mapping, or its text form 'SessionId=sid,ItemId=iid,Time=ts'. time_unit: of an own log, one of
    `reading.times.UNITS`. test_days and min_item_support replace the registry's values in a temporal split. An own log
    has its last tenth of time as test part, or of its sessions where only their order is known. One of many events is
    never held as a table (see `large`); the split is the same.
    """
    if min_item_support is not None:
        checks.at_least("min_item_support", 1, min_item_support)
    if test_days is not None:
        checks.positive("test_days", test_days)
    if large.is_large(name_or_path):
        dataset, split = large.prepare(
            name_or_path, columns=columns_of(columns), time_unit=time_unit, test_days=test_days,
            test_share=OWN_TEST_SHARE, min_item_support=OWN_SUPPORT if min_item_support is None else min_item_support,
        )  # fmt: skip
    else:
        dataset = datasets.load(name_or_path, columns=columns_of(columns), time_unit=time_unit)
        split = split_of(dataset, test_days=test_days, min_item_support=min_item_support)
    if split.train.n_items < 2:
        raise InputError(f"{dataset.name}: {SINGLE_ITEM}")
    return dataset, split


def split_of(
    dataset: Dataset,
    *,
    test_days: float | None = None,
    min_item_support: int | None = None,
    test_share: float = 1,
    collapse_repeats: bool = False,
) -> Split:
    """The default split of a data set (see `prepare`).

    test_share: length of the test part as a share of what it would be. collapse_repeats: of runs of one item in a
    session, keep the first event. Neither changes a published split, nor does min_item_support.
    """
    source = dataset.source
    if source is not None and source.split == "published" and test_days is None:
        return splits.published_split(dataset.log)
    fraction = None
    if test_days is None and source is not None:
        test_days, fraction = source.test_days, source.test_fraction
    if source is None and dataset.time == "order":
        if test_days is not None:
            raise splits.no_days(dataset.name)
        fraction = OWN_TEST_SHARE
    if test_days is None and fraction is None:
        time_ = dataset.log[TIME]
        test_days = float(time_.max() - time_.min()) * OWN_TEST_SHARE / splits.DAY
        if test_days == 0:
            raise splits.no_later(dataset.name)
    if min_item_support is None:
        min_item_support = OWN_SUPPORT if source is None else source.min_item_support
    return splits.temporal_split(
        dataset.log,
        test_days=test_days and test_days * test_share,
        test_fraction=fraction and fraction * test_share,
        min_item_support=min_item_support,
        collapse_repeats=collapse_repeats,
    )


def columns_of(columns: Mapping[str, str] | str | None) -> dict[str, str] | None:
    """A column mapping from its text form; None for none."""
    if not columns:
        return None
    try:
        return parse_settings(columns.split(",")) if isinstance(columns, str) else dict(columns)
    except InputError as error:
        form = ",".join(f"{role}=NAME" for role in COLUMNS)
        raise InputError(f"The columns '{columns}' are not of the form {form}.") from error


def parse_settings(pairs: list[str] | tuple[str, ...]) -> dict[str, str]:
    """'key=value' texts as a mapping. Raises InputError for anything else."""
    parsed = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not (equals and key.strip()):
            raise InputError(f"'{pair}' is not key=value.")
        parsed[key.strip()] = value.strip()
    return parsed
