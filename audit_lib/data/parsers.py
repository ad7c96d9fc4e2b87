"""From the raw files of each data set to a log: SessionId, ItemId, Time (and Part where the authors fixed the split).

A parser takes the paths of the files by name, in the order of the registry, and returns a log that is not validated
yet. It keeps what the log says and drops the rest at once (addresses of people, prices, ratings).
"""

from __future__ import annotations

import io
import logging
import re
from collections.abc import Callable, Mapping
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from audit_lib.data import archives
from audit_lib.data.logs import ITEM, PART, SESSION, TIME
from audit_lib.data.safe_pickle import read_integers
from audit_lib.errors import InputError

Files = Mapping[str, Path]
Parser = Callable[[Files], pd.DataFrame]

HOUR = 3600.0

log_ = logging.getLogger(__name__)


def only(files: Files) -> Path:
    """The path of a data set that has one file."""
    (path,) = files.values()
    return path


def table(source: Path | bytes, *, name: str, columns: Mapping[Any, str], **options: Any) -> pd.DataFrame:
    """A delimited text file, only the given columns (name: dtype); raises InputError naming what is wrong."""
    handle = io.BytesIO(source) if isinstance(source, bytes) else source
    try:
        return pd.read_csv(handle, usecols=list(columns), dtype=dict(columns), **options)[list(columns)]
    except (pd.errors.EmptyDataError, pd.errors.ParserError, UnicodeDecodeError, ValueError, OverflowError) as error:
        raise InputError(
            f"'{name}' is not in the expected format (columns {', '.join(map(str, columns))}): {error}"
        ) from error


def _header(path: Path) -> str:
    """The first line, or as much of it as a header may have."""
    with path.open(encoding="utf-8", errors="replace") as file:
        return file.readline(10_000)


def seconds(text: pd.Series, *, name: str, form: str | None = None) -> np.ndarray:
    """(E,) float64 Unix seconds of dates in UTC; raises InputError with the first that is no date."""
    try:
        dates = pd.to_datetime(text, format=form, errors="coerce", utc=True)
        since = (dates - pd.Timestamp(0, tz="UTC")).dt.total_seconds().to_numpy(np.float64)
    except (ValueError, OverflowError) as error:  # beyond the years that 64 bits of nanoseconds hold
        raise InputError(f"'{name}' has a date that is too far away: {error}.") from error
    if dates.isna().any():
        row = int(np.argmax(dates.isna().to_numpy()))
        raise InputError(f"'{name}': {int(dates.isna().sum())} rows have no date, the first is row {row}.")
    return since


def sessions_by_gap(owner: pd.Series, item: pd.Series, time: np.ndarray, *, gap: float) -> pd.DataFrame:
    """A log in which a session ends when its owner is idle for more than `gap` seconds.

    Events are ordered by owner, then time (equal times keep the order of the input); sessions are numbered from 1.
    """
    codes = pd.factorize(owner, sort=True)[0]
    order = np.lexsort((time, codes))
    codes, time = codes[order], time[order]
    new = np.ones(len(codes), bool)
    new[1:] = (codes[1:] != codes[:-1]) | (np.diff(time) > gap)
    return pd.DataFrame({SESSION: np.cumsum(new), ITEM: item.to_numpy()[order], TIME: time})


# --- Published splits ----------------------------------------------------------------------------------------------


def pickled_split(files: Files) -> pd.DataFrame:
    """Train sessions in file order, then the test sessions rebuilt from their prefixes; Time is the running position.

    The format is that of the SR-GNN preparation (Wu et al., AAAI 2019): see `unroll`. Only the order is known.
    """
    train_path, test_path = files.values()
    train = _lists(read_integers(train_path.read_bytes(), name=train_path.name), train_path.name)
    test = unroll(read_integers(test_path.read_bytes(), name=test_path.name), name=test_path.name)
    lengths = np.fromiter(map(len, chain(train, test)), np.int64, len(train) + len(test))
    n_train = int(lengths[: len(train)].sum())
    items = np.fromiter(chain.from_iterable(chain(train, test)), np.int64, int(lengths.sum()))
    return pd.DataFrame(
        {
            SESSION: np.repeat(np.arange(1, len(lengths) + 1), lengths),
            ITEM: items,
            TIME: np.arange(len(items), dtype=np.float64),
            PART: np.where(np.arange(len(items)) < n_train, "train", "test"),
        }
    )


def unroll(pairs: Any, *, name: str) -> list[list[int]]:
    """The sessions behind (prefixes, labels), where each was written as all its prefixes, the longest first.

    A pair goes on with the session before it if its prefix and label are that pair's without the last item.
    """
    if not (isinstance(pairs, tuple) and len(pairs) == 2):
        raise InputError(f"'{name}' does not hold a pair (prefixes, labels).")
    prefixes, labels = _lists(pairs[0], name), pairs[1]
    if not isinstance(labels, list) or len(labels) != len(prefixes) or not all(type(i) is int for i in labels):
        raise InputError(f"'{name}': labels and prefixes do not match one to one.")
    sessions: list[list[int]] = []
    previous: list[int] = []
    for prefix, label in zip(prefixes, labels, strict=True):
        if [*prefix, label] != previous:
            sessions.append([*prefix, label])
        previous = prefix
    return sessions


def _lists(value: Any, name: str) -> list[list[int]]:
    """`value`, if it is a list of lists of integers, none empty."""
    good = isinstance(value, list) and all(
        isinstance(row, list) and row and all(type(item) is int for item in row) for row in value
    )
    if not good or not value:
        raise InputError(f"'{name}' does not hold a list of sessions, each a list of item numbers.")
    return value


def session_rec(files: Files) -> pd.DataFrame:
    """The train and test tables of session-rec (SessionId, ItemId, Time, by tabs), with their part."""
    columns = {SESSION: "int64", ITEM: "int64", TIME: "float64"}
    parts = [table(path, name=name, columns=columns, sep="\t") for name, path in files.items()]
    return pd.concat([p.assign(**{PART: part}) for p, part in zip(parts, ("train", "test"), strict=True)])


# --- Logs inside other packages, and public archives ----------------------------------------------------------------


def plain(files: Files) -> pd.DataFrame:
    """A table SessionId, ItemId, Time by tabs."""
    path = only(files)
    return table(path, name=path.name, columns={SESSION: "int64", ITEM: "int64", TIME: "float64"}, sep="\t")


def foursquare(files: Files) -> pd.DataFrame:
    """Check-ins of the sample in mat-data: a trajectory `tid` is cut at gaps of 8 hours; the item is the place."""
    member = "matdata/assets/sample/Foursquare_Sample.csv"
    columns = {"tid": "int64", "lat_lon": "str", "date_time": "str"}
    raw = table(archives.wheel_member(only(files), member), name=member, columns=columns)
    return sessions_by_gap(raw["tid"], raw["lat_lon"], seconds(raw["date_time"], name=member), gap=8 * HOUR)


def movielens(files: Files) -> pd.DataFrame:
    """Ratings of MovieLens 100K in RecBole: a user's ratings are cut at gaps of 30 minutes."""
    member = "recbole/dataset_example/ml-100k/ml-100k.inter"
    columns = {"user_id:token": "int64", "item_id:token": "int64", "timestamp:float": "float64"}
    raw = table(archives.wheel_member(only(files), member), name=member, columns=columns, sep="\t")
    user, item, time = (raw[name] for name in columns)
    return sessions_by_gap(user, item, time.to_numpy(), gap=HOUR / 2)


_ENTREE_ITEM = re.compile(r"(\d+)[L-T]")
_ENTREE_ENTRY = re.compile(r"(\d+)C")


def entree(files: Files) -> pd.DataFrame:
    """Entree Chicago: the items of a session are its entry point, the rated restaurants and its end point.

    An entry point counts only with the letter C (Chicago): other letters number other cities' restaurants, and 0 is
    unknown; so is the end point -1. Time is the session's start plus the position of the step in seconds: the start is
    real, the steps carry their order alone. The address in the second field is dropped here.
    """
    rows: list[tuple[int, str, int, int]] = []
    session = unreadable = 0
    for name, data in archives.tar_members(only(files), "entree/session").items():
        if not name.startswith("session."):
            continue
        for number, line in enumerate(data.decode("ascii", "replace").splitlines(), 1):
            fields = line.rstrip().split("\t")
            if len(fields) < 4:
                raise InputError(f"'{name}' line {number}: expected date, address, entry, items and end by tabs.")
            session += 1
            entry, *rated, end = fields[2:]
            found = [m[1] for m in map(_ENTREE_ITEM.fullmatch, rated) if m]
            unreadable += len(rated) - len(found)
            first = _ENTREE_ENTRY.fullmatch(entry)
            items = ([first[1]] if first else []) + found + ([end] if end.isascii() and end.isdigit() else [])
            rows += [(session, fields[0].strip(), step, int(item)) for step, item in enumerate(items)]
    if unreadable:
        log_.info("entree: %d steps without a restaurant's number are left out.", unreadable)
    log = pd.DataFrame(rows, columns=[SESSION, "date", "step", ITEM])
    start = seconds(log["date"], name="entree", form="%d/%b/%Y:%H:%M:%S")
    return pd.DataFrame({SESSION: log[SESSION], ITEM: log[ITEM], TIME: start + log["step"].to_numpy(np.float64)})


# --- The owners' original files -------------------------------------------------------------------------------------
# Their session rules are those of "The Effect of Third Party Implementations on Reproducibility" (Hidasi & Czapp 2023):
# view (click, detail) events only; where the log has no sessions, a gap of one hour ends one.


def rsc15(files: Files) -> pd.DataFrame:
    """yoochoose-clicks.dat: session, time in ISO 8601 (UTC, ms), item, category; no header; sessions as given."""
    path = only(files)
    raw = table(path, name=path.name, columns={0: "int64", 1: "str", 2: "int64"}, header=None)
    return pd.DataFrame({SESSION: raw[0], ITEM: raw[2], TIME: seconds(raw[1], name=path.name, form="ISO8601")})


def retailrocket_events(files: Files) -> pd.DataFrame:
    """events.csv: timestamp (ms), visitorid, event, itemid, transactionid; views, cut at gaps of one hour."""
    path = only(files)
    columns = {"timestamp": "int64", "visitorid": "int64", "event": "str", "itemid": "int64"}
    raw = table(path, name=path.name, columns=columns)
    raw = raw[raw["event"] == "view"]
    return sessions_by_gap(raw["visitorid"], raw["itemid"], raw["timestamp"].to_numpy(np.float64) / 1000, gap=HOUR)


def diginetica_views(files: Files) -> pd.DataFrame:
    """train-item-views.csv: sessionId; userId; itemId; timeframe; eventdate, by semicolons; sessions as given.

    `timeframe` is in milliseconds since the session's first query and `eventdate` is a day: Time is the earliest day of
    the session plus the timeframe. A newer copy names the first and third column session_id and item_id.
    """
    path = only(files)
    header = _header(path)
    session, item = ("session_id", "item_id") if "session_id" in header else ("sessionId", "itemId")
    columns = {session: "int64", item: "int64", "timeframe": "int64", "eventdate": "str"}
    raw = table(path, name=path.name, columns=columns, sep=";")
    day = pd.Series(seconds(raw["eventdate"], name=path.name, form="%Y-%m-%d")).groupby(raw[session]).transform("min")
    return pd.DataFrame({SESSION: raw[session], ITEM: raw[item], TIME: day + raw["timeframe"] / 1000})


def rees46(files: Files) -> pd.DataFrame:
    """2019-Oct.csv and 2019-Nov.csv: views (event_type), cut at gaps of one hour of a user.

    The log's own `user_session` is not used: some hold several users, and gaps inside one may have any length.
    """
    columns = {"event_time": "str", "event_type": "str", "product_id": "int64", "user_id": "int64"}
    parts = [table(path, name=name, columns=columns) for name, path in files.items()]
    raw = pd.concat([p[p["event_type"] == "view"] for p in parts], ignore_index=True)
    time = seconds(raw["event_time"].str.removesuffix(" UTC"), name="rees46", form="%Y-%m-%d %H:%M:%S")
    return sessions_by_gap(raw["user_id"], raw["product_id"], time, gap=HOUR)


def coveo(files: Files) -> pd.DataFrame:
    """release_10_23_2020.csv: events with product_action 'detail', cut at gaps of one hour inside session_id_hash.

    The gap is measured between all events of the session, not only between details. The challenge's browsing_train.csv
    is the same with the column product_sku_hash.
    """
    path = only(files)
    header = _header(path)
    item = "product_sku_hash" if "product_sku_hash" in header else "product_skus_hash"
    columns = {"session_id_hash": "str", "product_action": "str", item: "str", "server_timestamp_epoch_ms": "int64"}
    raw = table(path, name=path.name, columns=columns)
    time = raw["server_timestamp_epoch_ms"].to_numpy(np.float64) / 1000
    marked = raw[item].where((raw["product_action"] == "detail") & raw[item].notna())
    log = sessions_by_gap(raw["session_id_hash"], marked, time, gap=HOUR)
    return log.dropna(subset=[ITEM]).reset_index(drop=True)
