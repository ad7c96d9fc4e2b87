"""Parsers, on small files in the format of each owner; expected rows are worked out by hand."""

import gzip
import io
import pickle
import tarfile
import zipfile

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit_lib.data import archives, parsers
from audit_lib.data.logs import ITEM, PART, SESSION, TIME
from audit_lib.errors import InputError


def write(folder, name, text):
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return {name: path}


def rows(log):
    return [(row[0], row[1], row[2]) for row in log[[SESSION, ITEM, TIME]].itertuples(index=False)]


def unrolled(sessions):
    pairs = [(s[:n], s[n]) for s in sessions for n in range(len(s) - 1, 0, -1)]
    return [list(prefix) for prefix, _ in pairs], [label for _, label in pairs]


def pickled(folder, train, test):
    return write(folder, "all_train_seq.txt", pickle.dumps(train, 2)) | write(folder, "test.txt", pickle.dumps(test, 2))


# --- published splits


def test_test_sessions_are_rebuilt_from_their_prefixes(tmp_path):
    log = parsers.pickled_split(pickled(tmp_path, [[1, 2], [3, 3, 4]], unrolled([[5, 6, 7], [1, 2], [1, 2]])))
    assert log.groupby(SESSION)[ITEM].apply(list).tolist() == [[1, 2], [3, 3, 4], [5, 6, 7], [1, 2], [1, 2]]
    assert log.groupby(SESSION)[PART].first().tolist() == ["train"] * 2 + ["test"] * 3
    assert log[TIME].tolist() == list(range(12))


@given(st.lists(st.lists(st.integers(0, 3), min_size=2, max_size=5), min_size=1, max_size=6))
def test_unrolling_is_undone_exactly(sessions):
    # Every session ends with a prefix of one item, so no next session can read as its continuation.
    assert parsers.unroll(unrolled(sessions), name="x") == sessions


@pytest.mark.parametrize(
    ("train", "test"),
    [
        ([], ([[1]], [2])),
        ([[1, 2], []], ([[1]], [2])),
        ([[1, 2], 3], ([[1]], [2])),
        ([[1, [2]]], ([[1]], [2])),
        ([[1, 2]], [[1], [2]]),
        ([[1, 2]], ([[1]], [2, 3])),
        ([[1, 2]], ([[1]], [[2]])),
        ([[1, 2]], ([[1]], 2)),
        (5, ([[1]], [2])),
    ],
)
def test_a_pickle_of_another_shape_is_refused(tmp_path, train, test):
    with pytest.raises(InputError, match=r"'(all_train_seq|test)\.txt'"):
        parsers.pickled_split(pickled(tmp_path, train, test))


def test_session_rec_tables_get_their_part_and_keep_milliseconds(tmp_path):
    files = write(tmp_path, "train.txt", "SessionId\tItemId\tTime\n3\t7\t1396437466.94\n3\t8\t1396437467.001\n")
    files |= write(tmp_path, "test.txt", "SessionId\tItemId\tTime\n1\t7\t1396860669.277\n")
    log = parsers.session_rec(files)
    assert rows(log) == [(3, 7, 1396437466.94), (3, 8, 1396437467.001), (1, 7, 1396860669.277)]
    assert log[PART].tolist() == ["train", "train", "test"]


# --- gaps


def test_a_gap_longer_than_the_limit_ends_a_session_and_an_equal_one_does_not():
    time = np.array([0.0, 10, 21, 0, 5])
    log = parsers.sessions_by_gap(pd.Series([1, 1, 1, 2, 2]), pd.Series(list("abcde")), time, gap=10)
    assert rows(log) == [(1, "a", 0), (1, "b", 10), (2, "c", 21), (3, "d", 0), (3, "e", 5)]


def test_events_of_an_owner_may_come_unsorted_and_equal_times_keep_their_order():
    time = np.array([5.0, 0, 5, 1])
    log = parsers.sessions_by_gap(pd.Series([1, 2, 1, 1]), pd.Series(list("abcd")), time, gap=10)
    assert rows(log) == [(1, "d", 1), (1, "a", 5), (1, "c", 5), (2, "b", 0)]


# --- members of wheels, tarballs


def wheel(folder, member, text):
    path = folder / "some.whl"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(member, text)
    return {"some.whl": path}


def test_foursquare_is_cut_at_gaps_of_eight_hours(tmp_path):
    text = (
        "tid,lat_lon,date_time,rating\n"
        "126,40.8 -73.9,1970-01-01 00:00:10,1\n"
        "126,40.1 -73.1,1970-01-01 08:00:10,1\n"
        "126,40.8 -73.9,1970-01-01 16:00:11,1\n"
    )
    log = parsers.foursquare(wheel(tmp_path, "matdata/assets/sample/Foursquare_Sample.csv", text))
    assert rows(log) == [(1, "40.8 -73.9", 10), (1, "40.1 -73.1", 28810), (2, "40.8 -73.9", 57611)]


def test_movielens_is_cut_at_gaps_of_half_an_hour(tmp_path):
    text = "user_id:token\titem_id:token\trating:float\ttimestamp:float\n9\t4\t3\t1801\n9\t5\t3\t0\n9\t6\t1\t3602\n"
    log = parsers.movielens(wheel(tmp_path, "recbole/dataset_example/ml-100k/ml-100k.inter", text))
    assert rows(log) == [(1, 5, 0), (2, 4, 1801), (3, 6, 3602)]


def test_a_wheel_without_the_member_or_that_is_no_zip_is_refused(tmp_path):
    with pytest.raises(InputError, match="no member"):
        archives.wheel_member(wheel(tmp_path, "../../evil", "x")["some.whl"], "inside")
    with pytest.raises(InputError, match="not a readable zip"):
        archives.wheel_member(write(tmp_path, "broken.whl", b"PK\x03\x04 no")["broken.whl"], "inside")


def tarball(folder, *members):
    path = folder / "some.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        for name, text, kind in members:
            info = tarfile.TarInfo(name)
            info.size, info.type, info.linkname = len(text), kind, "/etc/passwd"
            archive.addfile(info, io.BytesIO(text))
    return {"some.tar.gz": path}


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE])
def test_a_tarball_with_a_link_or_device_is_refused(tmp_path, kind):
    path = tarball(tmp_path, ("entree/session/a", b"", kind))["some.tar.gz"]
    with pytest.raises(InputError, match="neither file nor folder"):
        archives.tar_members(path, "entree/session")


def test_a_tarball_that_expands_beyond_the_bound_or_ends_early_is_refused(tmp_path):
    path = tarball(tmp_path, ("entree/session/a", b"0" * 1_000_000, tarfile.REGTYPE))["some.tar.gz"]
    with pytest.raises(InputError, match="expands beyond 5000 bytes"):
        archives.tar_members(path, "entree/session", max_bytes=5000)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match=r"not a readable \.tar\.gz"):
        archives.tar_members(path, "entree/session")
    path.write_bytes(gzip.compress(b"not a tarball" * 100))
    with pytest.raises(InputError, match=r"not a readable \.tar\.gz"):
        archives.tar_members(path, "entree/session")


def test_entree_takes_chicago_entry_rated_and_end_and_drops_the_address(tmp_path):
    lines = (
        b"01/Jan/1997:00:00:00 \t10.1.2.3\t137C\t222N\t137L\t333\n"  # entry in Chicago, known end
        b"01/Jan/1997:00:01:00 \t10.1.2.3\t137F\t378S\tL\t-1\n"  # entry elsewhere, a step without number, no end
        b"01/Jan/1997:00:02:00 \t10.1.2.3\t0\t4L\t508\n"  # entry unknown
    )
    day = 852_076_800  # 1997-01-01 in Unix seconds
    members = [(f"entree/session/{name}", text, tarfile.REGTYPE) for name, text in
               (("README", b"words"), ("session.1997-Q1", lines))]  # fmt: skip
    log = parsers.entree(tarball(tmp_path, *members))
    assert rows(log) == [
        *[(1, item, day + step) for step, item in enumerate([137, 222, 137, 333])],
        (2, 378, day + 60),
        *[(3, item, day + 120 + step) for step, item in enumerate([4, 508])],
    ]
    assert "10.1.2.3" not in log.to_csv()


# --- the owners' original formats


def test_rsc15_reads_iso_times_with_milliseconds(tmp_path):
    text = "1,2014-04-07T10:51:09.277Z,214536502,0\n1,2014-04-07T10:54:09.868Z,214536500,S\n"
    log = parsers.rsc15(write(tmp_path, "yoochoose-clicks.dat", text))
    assert rows(log) == [(1, 214536502, 1396867869.277), (1, 214536500, 1396868049.868)]


def test_retailrocket_keeps_views_cut_at_an_hour(tmp_path):
    text = (
        "timestamp,visitorid,event,itemid,transactionid\n"
        "1000,5,view,70,\n2000,5,addtocart,70,\n3000,5,transaction,70,9\n3601000,5,view,71,\n7201001,5,view,72,\n"
    )
    log = parsers.retailrocket_events(write(tmp_path, "events.csv", text))
    assert rows(log) == [(1, 70, 1), (1, 71, 3601), (2, 72, 7201.001)]


@pytest.mark.parametrize("names", ["sessionId;userId;itemId", "session_id;user_id;item_id"])
def test_diginetica_adds_the_timeframe_to_the_first_day_of_the_session(tmp_path, names):
    text = f"{names};timeframe;eventdate\n1;NA;81766;526309;1970-01-02\n1;NA;31331;86400500;1970-01-03\n"
    log = parsers.diginetica_views(write(tmp_path, "train-item-views.csv", text))
    assert rows(log) == [(1, 81766, 86400 + 526.309), (1, 31331, 86400 + 86400.5)]


def test_rees46_joins_both_months_and_ignores_its_own_sessions(tmp_path):
    head = "event_time,event_type,product_id,category_id,category_code,brand,price,user_id,user_session\n"
    files = write(tmp_path, "oct.csv", head + "1970-01-01 00:00:00 UTC,view,3,1,a.b,x,9.9,7,s1\n"
                  "1970-01-01 00:10:00 UTC,cart,3,1,a.b,x,9.9,7,s1\n")  # fmt: skip
    files |= write(tmp_path, "nov.csv", head + "1970-01-01 01:00:00 UTC,view,4,1,,,9.9,7,s2\n"
                   "1970-01-01 02:00:01 UTC,view,5,1,,,9.9,7,s2\n")  # fmt: skip
    assert rows(parsers.rees46(files)) == [(1, 3, 0), (1, 4, 3600), (2, 5, 7201)]


@pytest.mark.parametrize("sku", ["product_skus_hash", "product_sku_hash"])
def test_coveo_keeps_details_and_measures_gaps_between_all_events(tmp_path, sku):
    text = (
        f"session_id_hash,event_type,product_action,{sku},server_timestamp_epoch_ms,hashed_url\n"
        "s,event_product,detail,a,0,u\ns,pageview,,,3000000,u\ns,event_product,detail,b,6000000,u\n"
        "s,event_product,add,b,6001000,u\ns,event_product,detail,c,9602000,u\n"
    )
    assert rows(parsers.coveo(write(tmp_path, "browsing.csv", text))) == [(1, "a", 0), (1, "b", 6000), (2, "c", 9602)]


ORIGINALS = {  # of each owner, by the name of its parser
    "rsc15": "1,2014-04-07T10:51:09.277Z,214536502,0\n1,2014-04-07T10:54:09.868Z,214536500,0\n",
    "retailrocket_events": "timestamp,visitorid,event,itemid,transactionid\n1000,5,view,70,\n2000,5,view,71,\n",
    "diginetica_views": "sessionId;userId;itemId;timeframe;eventdate\n1;NA;8;5;1970-01-02\n1;NA;9;7;1970-01-02\n",
    "rees46": "event_time,event_type,product_id,user_id\n1970-01-01 00:00:00 UTC,view,3,7\n",
    "coveo": "session_id_hash,product_action,product_skus_hash,server_timestamp_epoch_ms\ns,detail,a,0\ns,detail,b,5\n",
    "plain": "SessionId\tItemId\tTime\n1\t2\t3\n1\t3\t4.5\n",
}
BAD = {
    "empty": b"",
    "another format": b"hello\nworld\n",
    "a number beyond 64 bits": None,
    "not UTF-8": b"\xff\xfe\x00\x01,\xff\n",
}


@pytest.mark.parametrize("name", ORIGINALS)
@pytest.mark.parametrize("kind", BAD)
def test_a_broken_file_is_an_input_error_that_names_the_file(tmp_path, name, kind):
    parse, good, data = getattr(parsers, name), ORIGINALS[name], BAD[kind]
    if data is None:
        data = good.encode().replace(b"214536502", b"9" * 30).replace(b",5,view", b"," + b"9" * 30 + b",view")
        data = data.replace(b"1;NA;8", b"1;NA;" + b"9" * 30).replace(b"view,3", b"view," + b"9" * 30)
        data = data.replace(b"detail,a,0", b"detail,a," + b"9" * 30).replace(b"1\t2\t3", b"1\t" + b"9" * 30 + b"\t3")
    assert len(parse(write(tmp_path, "good.csv", good))) == good.count("\n") - (name != "rsc15")  # a line is the header
    with pytest.raises(InputError, match=r"bad\.csv"):
        parse(write(tmp_path, "bad.csv", data))
