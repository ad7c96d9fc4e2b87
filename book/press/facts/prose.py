"""A fact as it stands in a sentence, in the reader's language."""

from __future__ import annotations

from math import isnan

from audit_lib.errors import InputError
from audit_lib.evaluation.resampling import Measured
from audit_lib.show import counted, words
from audit_lib.show.words import Translate, translator, typeset


def written(value: Measured | str, spec: str = "", lang: str = "en") -> str:
    """A fact as it stands in a sentence.

    spec: a format specification of Python ('.2%', ',d'); 'points', percentage points without their sign; '+points',
    with it; '+.2points', with two digits in place of one; any of these and '~', the interval instead of the estimate;
    'verb', what a difference says of the first of two ('is above', 'is below', 'is statistically indistinguishable
    from', by its interval); or a name of `counted.phrases`, what is said of so many. A text has no specification, and
    is translated. Raises InputError if the two do not fit.
    """
    if isinstance(value, str):
        if spec:
            raise InputError(f"The text '{value}' cannot be formatted as '{spec}'.")
        return translator(lang)(value)
    if spec == "verb":
        return verb(value, lang)
    if spec in counted.phrases():
        return counted.said(value.estimate, spec, lang)
    if spec.endswith("~"):
        if isnan(value.low):
            raise InputError("This fact has no interval.")
        return f"[{number(value.low, spec[:-1])}, {number(value.high, spec[:-1])}]"
    return number(value.estimate, spec)


def verb(difference: Measured, lang: str = "en") -> str:
    """Whether the first of two is above the second; where the interval holds zero, that it cannot be told."""
    _: Translate = translator(lang)
    if isnan(difference.low):
        raise InputError("A difference without an interval does not say which is above.")
    if difference.low > 0:
        return _("is above")
    return _("is below") if difference.high < 0 else _("is statistically indistinguishable from")


def number(value: float, spec: str) -> str:
    """A number, `typeset`."""
    if not spec:
        raise InputError("A number needs a format, as in {fact}`official:.2%`.")
    return typeset(words.number(round(value) if spec.endswith("d") else value, spec))


def not_yet(lang: str = "en") -> str:
    """What a page writes where evidence is missing."""
    _: Translate = translator(lang)
    return _("not run yet")
