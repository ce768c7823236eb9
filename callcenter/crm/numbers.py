"""Telephone numbers as they arrive on a trunk or in a search field, read into E.164 where they are numbers at all.

Law: whatever comes, the answer is a `Number` whose raw text is printable and at most 128 characters; nothing raises.
"""

import re
import unicodedata
from urllib.parse import unquote

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumber, PhoneNumberFormat

from callcenter.domain.numbers import Number

RAW_LIMIT = 128
"""Characters kept of what came; SIP sets no limit, a screen and a column do."""

_WITHHELD_WORDS = frozenset(
    {
        "",
        "anonymous",
        "anonym",
        "restricted",
        "private",
        "withheld",
        "unavailable",
        "unknown",
        "none",
        "null",
        "asterisk",
    }
)
_WITHHELD_PRESENTATIONS = ("prohib", "unavail", "restrict")
"""How the values of a SIP trunk's presentation begin when the caller's number must not be shown."""

_SCHEME = re.compile(r"^(?:sips?|tel|callto):(?://)?", re.IGNORECASE)
_IN_BRACKETS = re.compile(r"<([^<>]*)>\s*$")
_EXTENSION = re.compile(r"(?:;\s*ext\s*=|\s*,*\s*(?:ext\.?|extension|x|#|分机)\s*:?)\s*\d{1,11}\s*$", re.IGNORECASE)
_PARAMETERS = re.compile(r";.*$", re.DOTALL)
_DIALLABLE = re.compile(r"^\+?[\d\s().\-/]*$", re.ASCII)
_DIGITS_ALONE = re.compile(r"\+?\d{1,40}\Z", re.ASCII)
_SHORTEST_INTERNATIONAL = 8
"""Digits a number needs before it may be E.164 without its plus; shorter ones are extensions and service numbers."""


def normalise(raw: str, default_region: str, *, presentation: str = "allowed") -> Number:
    """The calling or dialled number of a leg.

    `default_region` is the ISO 3166 code of the country whose national numbers the trunk delivers; `presentation` is
    the trunk's word on whether the number may be shown (Asterisk's `CALLERID(num-pres)`).
    """
    shown = _printable(raw)[:RAW_LIMIT].strip()
    if presentation.strip().lower().startswith(_WITHHELD_PRESENTATIONS):
        return Number(raw="", withheld=True)
    user, host = _user_and_host(shown)
    if user.lower() in _WITHHELD_WORDS or host.lower() == "anonymous.invalid":
        return Number(raw="", withheld=True)
    parsed = _parse(user, default_region.strip().upper())
    if parsed is None:
        return Number(raw=shown)
    return Number(
        raw=shown,
        e164=phonenumbers.format_number(parsed, PhoneNumberFormat.E164),
        national=phonenumbers.format_number(parsed, PhoneNumberFormat.NATIONAL),
        region=_region(parsed),
    )


def to_e164(text: str, default_region: str) -> str | None:
    """What someone typed into a search field as E.164, or None when it is no telephone number."""
    if not _DIGITS_ALONE.match(text):
        return normalise(text, default_region).e164
    # A file has a million of them, of which only this is asked: a fifth of the time.
    parsed = _parse(text, default_region.strip().upper())
    return None if parsed is None else phonenumbers.format_number(parsed, PhoneNumberFormat.E164)


def significant_digits(e164: str) -> str | None:
    """The digits of an E.164 number without its country: they stand in every notation of it. None: it is none."""
    if not e164.startswith("+"):
        return None
    try:
        parsed = phonenumbers.parse(e164, None)
    except NumberParseException:
        return None
    return phonenumbers.national_significant_number(parsed)


def notations(e164: str) -> frozenset[str]:
    """How people write an E.164 number, with its country and without, with blanks, dashes and nothing between."""
    try:
        parsed = phonenumbers.parse(e164, None)
    except NumberParseException:
        return frozenset()
    forms = (PhoneNumberFormat.INTERNATIONAL, PhoneNumberFormat.NATIONAL)
    written = {phonenumbers.format_number(parsed, form) for form in forms}
    return frozenset(
        one.replace(" ", between).replace("-", between or "-") for one in written for between in (" ", "-", "")
    )


def _printable(text: str) -> str:
    """Without control, format (bidirectional overrides among them) and unpaired surrogate characters."""
    return "".join(
        " " if character in "\u2028\u2029" else character
        for character in text[: 8 * RAW_LIMIT]
        if unicodedata.category(character) not in ("Cc", "Cf", "Cs")
    )


def _user_and_host(text: str) -> tuple[str, str]:
    """The part that may be a number, and the host where the text is a URI."""
    bracketed = _IN_BRACKETS.search(text)
    address = bracketed.group(1) if bracketed else text
    bare = _SCHEME.sub("", address.strip())
    user, _, host = bare.partition("@")
    decoded = _printable(unquote(user, errors="replace"))
    host_name = _PARAMETERS.sub("", host).rpartition(":")[0] or _PARAMETERS.sub("", host)
    return unicodedata.normalize("NFKC", decoded).strip(), host_name.strip()


def _parse(user: str, region: str) -> PhoneNumber | None:
    dialled = _PARAMETERS.sub("", _EXTENSION.sub("", user)).strip()
    digits = re.sub(r"\D", "", dialled, flags=re.ASCII)
    if not digits or not _DIALLABLE.match(dialled):
        return None
    if dialled.startswith("+"):
        return _read(f"+{digits}", None, only_valid=False)
    if digits.startswith("00"):
        abroad = _read(f"+{digits[2:]}", None, only_valid=False)
        if abroad is not None:
            return abroad
    at_home = _read(digits, region, only_valid=True) if region in phonenumbers.SUPPORTED_REGIONS else None
    if at_home is not None:
        return at_home
    if len(digits) < _SHORTEST_INTERNATIONAL or digits.startswith("0"):
        return None
    return _read(f"+{digits}", None, only_valid=True)


def _read(text: str, region: str | None, *, only_valid: bool) -> PhoneNumber | None:
    """One reading of the digits; with the country written out, a range younger than our tables is believed."""
    try:
        parsed = phonenumbers.parse(text, region)
    except NumberParseException:
        return None
    fits = phonenumbers.is_valid_number if only_valid else phonenumbers.is_possible_number
    return parsed if fits(parsed) else None


def _region(parsed: PhoneNumber) -> str | None:
    region = phonenumbers.region_code_for_number(parsed) or phonenumbers.region_code_for_country_code(
        parsed.country_code or 0
    )
    return region if region is not None and region.isalpha() and region != "ZZ" else None
