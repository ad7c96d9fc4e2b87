"""Descriptive statistics of a click log."""

from __future__ import annotations

import numpy as np
import pandas as pd

from audit_lib.data.logs import COLUMNS, ITEM, SESSION, filter_log
from audit_lib.data.sessions import Sessions


def statistics(log: pd.DataFrame) -> dict[str, float | int | str]:
    """Descriptive statistics of a log over its sessions of two or more events.

    events, sessions, items; one_click_sessions (left out); length mean, median, 95th percentile and maximum;
    repeat_share (events whose item occurred earlier in the session); tie_share (events at the very time of the one
    before in the session); duplicate_rows; support median and Gini coefficient; first and last time; days.
    """
    kept, _ = filter_log(log)
    sessions = Sessions.from_log(kept)
    lengths, support = sessions.lengths, np.sort(sessions.support)
    same_session = np.diff(sessions.session) == 0
    v = len(support)
    gini = float((2 * np.arange(1, v + 1) - v - 1) @ support / (v * support.sum()))
    return {
        "events": sessions.n_events,
        "sessions": sessions.n_sessions,
        "items": v,
        "one_click_sessions": int(log[SESSION].nunique()) - sessions.n_sessions,
        "length_mean": float(lengths.mean()),
        "length_median": float(np.median(lengths)),
        "length_p95": float(np.quantile(lengths, 0.95)),
        "length_max": int(lengths.max()),
        "repeat_share": float(kept.duplicated([SESSION, ITEM]).mean()),
        "tie_share": float(((np.diff(sessions.times) == 0) & same_session).sum() / max(same_session.sum(), 1)),
        "duplicate_rows": int(log.duplicated(list(COLUMNS)).sum()),
        "support_median": float(np.median(support)),
        "support_gini": gini,
        "time_first": float(sessions.times.min()),
        "time_last": float(sessions.times.max()),
        "days": float((sessions.times.max() - sessions.times.min()) / 86400),
    }
