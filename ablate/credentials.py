"""Credentials: found in the addresses of stores, and left out of what people and files see.

An address is parsed as its reader parses it: SQLAlchemy for a database, `urllib` for a server. What
cannot be parsed without doubt is hidden as a whole.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import quote, quote_plus, unquote, unquote_plus, urlsplit

HIDDEN = "***"
WEB = ("http", "https")
SHORT = 4
"""Secrets with fewer characters are hidden in a text only where they are whole words."""
_ADDRESS = re.compile(r"[A-Za-z][\w+.-]*://", re.ASCII)
_WITHIN = re.compile(r"[A-Za-z][\w+.-]*://[^'\"\]},]*", re.ASCII)
"""An address inside a list or a mapping."""
_KNOWN = re.compile(r"(sqlite|https?|postgres(ql)?|mysql|mssql)\b", re.IGNORECASE)
"""A scheme that a mistyped address may start with."""
_KEY = re.compile(r"[\w.+~/@-]*")
_STORE_KEY = re.compile(r"\+{0,2}store\b|.*ur[il]$")
"""A key of the store, or one that was meant: `store.url`, `uri`."""
_URI_LINE = re.compile(r"^(\s*uri: )(['\"]?)(.+?)\2$", re.MULTILINE)
_PASSWORD = r"(?:passw|passphrase|pwd)\w*"
_SECRET = rf"(?:{_PASSWORD}|(?:token|secret|credential|api_?key|access_?key|env_vars)\w*)"
_SECRET_WORD = re.compile(rf"{_SECRET}|\bexport\s", re.IGNORECASE)
"""What stands in an argument for a launcher or a store that sets a secret."""
_PASSWORD_VALUE = re.compile(rf"{_PASSWORD}['\"]?\s*[:=]", re.IGNORECASE)
_IN_QUERY = re.compile(rf"[?&;#]\s*[\w-]*{_SECRET}\s*=", re.IGNORECASE)
_SECRET_VALUE = re.compile(
    rf"(?:{_SECRET}['\"]?\s*[:=]|\bexport\s+\w+=)\s*['\"]?([^'\",}}\]\s&;]+)", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class _Address:
    """The parts of an address.

    Attributes:
        user: What stands before the server and ``@``: a name, or a name and a password.
        server: The server and its port.
        path: The path, or the name of a database, with the slash before it.
        query: What follows the question mark.
        clear: Whether the parts cannot be read in another way.
    """

    user: str
    server: str
    path: str
    query: str
    clear: bool


def without_credentials(uri: str) -> str:
    """Return the address of a store without user, password and query.

    An address that its reader could divide in two ways, such as one with an ``@`` in its path, is
    reduced to its scheme.
    """
    scheme, separator, rest = uri.partition("://")
    if not separator or not is_address(uri):
        return _without_doubt(uri)
    if scheme == "sqlite" and rest.startswith("/"):
        # No name of a file has these, but an address that is mistaken for one.
        if any(":" in part.rpartition("@")[0] for part in rest.split("/")):
            return f"{scheme}://{HIDDEN}"
        return f"{uri.partition('?')[0]}?{HIDDEN}" if _has_query(rest) else uri
    address = _parse(uri)
    if address is None or not address.clear:
        return f"{scheme}://{HIDDEN}" if rest else uri
    user = f"{HIDDEN}@" if address.user else ""
    query = f"?{HIDDEN}" if address.query else ""
    return f"{scheme}://{user}{address.server}{address.path}{query}"


def _without_doubt(text: str) -> str:
    """What may be a mistyped address, reduced to a scheme if it could hold credentials."""
    if "@" not in text and not _has_query(text) and not _PASSWORD_VALUE.search(text):
        return text
    scheme = _KNOWN.match(text)
    return f"{scheme.group() if scheme else ''}{HIDDEN}"


def _has_query(text: str) -> bool:
    return "=" in text.partition("?")[2]


def is_address(text: str) -> bool:
    """Return whether a text starts with a scheme, such as ``http://``."""
    return _ADDRESS.match(text) is not None


def is_ambiguous(uri: str) -> bool:
    """Return whether an address could be divided in two ways, such as at a ``/`` in a password."""
    address = _parse(uri)
    return address is None or not address.clear


def hide_credentials(text: str, uri: str) -> str:
    """Return a text, such as an error of a library, without the credentials of an address."""
    shown = without_credentials(uri)
    if shown == uri:
        return text
    return _replace(text.replace(uri, shown), _secrets(uri))


def _replace(text: str, secrets: Iterable[str]) -> str:
    for secret in sorted(set(secrets), key=len, reverse=True):
        pattern = re.escape(secret)
        if len(secret) < SHORT:
            pattern = rf"(?<!\w){pattern}(?!\w)"
        text = re.sub(pattern, HIDDEN, text, flags=re.IGNORECASE)
    return text


def shown_argument(argument: str) -> str:
    """Return an argument of the command line without the credentials in it."""
    key, mark, uri = _split_argument(argument)
    if uri:
        return f"{key}={mark}{without_credentials(uri)}{mark}"
    if _sets_secret(argument):
        return f"{key}={HIDDEN}"
    key, equals, value = argument.partition("=")
    if not equals or not _KEY.fullmatch(key):
        return _shown_value(argument)
    shown = _shown_value(value)
    doubtful = _STORE_KEY.match(key) and shown == value and ("@" in value or _has_query(value))
    return f"{key}={HIDDEN if doubtful else shown}"


def _sets_secret(argument: str) -> bool:
    key, _, value = argument.partition("=")
    kind = _SECRET_WORD if re.match(r"\+{0,2}(hydra|store)\b", key) else _PASSWORD_VALUE
    # An address loses no more than its credentials.
    return kind.search(key if is_address(value) else argument) is not None


def _shown_value(value: str) -> str:
    """A value that may hold an address, such as a list of them."""
    if _IN_QUERY.search(unquote_plus(value)):
        head, _, query = value.partition("?")
        if "@" in query or _IN_QUERY.search(unquote_plus(head)):
            return HIDDEN
        value = f"{head}?{HIDDEN}"
    # Up to its last @, since a password may hold anything.
    head, at, tail = value.rpartition("@")
    start = re.search(r"://|:(?=\S)" if "://" in head else ":", head)
    return f"{head[: start.end()]}{HIDDEN}{at}{tail}" if at and start else value


def hide_arguments(text: str, arguments: Sequence[str]) -> str:
    """Return a text, such as a refusal, without the credentials in some arguments."""
    for argument in arguments:
        shown = shown_argument(argument)
        if shown != argument:
            text = text.replace(argument, shown).replace(repr(argument)[1:-1], shown)
            text = _replace(text, _secrets_within(argument))
    return text


def hide_in_yaml(text: str) -> str:
    """Return a configuration in YAML without the credentials of the addresses under `uri`."""
    return _URI_LINE.sub(
        lambda found: f"{found[1]}{found[2]}{without_credentials(found[3])}{found[2]}", text
    )


def _secrets_within(argument: str) -> Iterator[str]:
    """What an argument holds that may be secret."""
    key, _, uri = _split_argument(argument)
    value = argument.partition("=")[2] if _KEY.fullmatch(key) else argument
    words = [word for word in re.findall(r"[^\s'\",{}\[\]]+", value) if "@" in word or "?" in word]
    for address in [uri] if uri else [*_WITHIN.findall(argument), *words]:
        if without_credentials(address) != address:
            yield address
            yield from _secrets(address)
    if not uri:
        for secret in _SECRET_VALUE.findall(argument):
            yield from _spellings(secret)


def _split_argument(argument: str) -> tuple[str, str, str]:
    """The key, the quotation mark and the address of an argument that gives a store.

    The address is empty if the argument gives something else.
    """
    key, _, value = argument.partition("=")
    mark = value[:1] if value[:1] in ("'", '"') else ""
    uri = value.strip(mark) if mark else value
    meant = is_address(uri) or re.search("ur[il]$", key) is not None
    gives_store = _STORE_KEY.match(key) and meant and uri[:1] not in ("{", "[")
    return (key, mark, uri) if gives_store else (key, mark, "")


def _parse(uri: str) -> _Address | None:
    """The parts of an address as its reader finds them; None if it finds none."""
    scheme = uri.partition("://")[0]
    try:
        return _parse_web(uri) if scheme in WEB else _parse_database(uri)
    except ValueError:
        return None


def _parse_web(uri: str) -> _Address:
    parts = urlsplit(uri)
    user, _, server = parts.netloc.rpartition("@")
    query = parts.query + parts.fragment
    # A slash in a password ends the part that urllib takes for the server.
    return _Address(user, server, parts.path, query, clear="@" not in parts.path + query)


def _parse_database(uri: str) -> _Address | None:
    # Importing SQLAlchemy takes a moment that other addresses do not need.
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import SQLAlchemyError

    try:
        url = make_url(uri)
    except SQLAlchemyError:
        return None
    user = ":".join(str(part) for part in (url.username, url.password) if part is not None)
    host = f"[{url.host}]" if url.host and ":" in url.host else url.host or ""
    server = host if url.port is None else f"{host}:{url.port}"
    path = "" if url.database is None else f"/{url.database}"
    rest = uri.partition("://")[2]
    # SQLAlchemy drops a query that it cannot read.
    query = (rest.partition("@")[2] if user else rest).partition("?")[2]
    clear = "@" not in server + path + (query if user else "")
    return _Address(user, server, path, query, clear=clear)


def _secrets(uri: str) -> Iterator[str]:
    """Everything in an address that may be secret, as libraries write it."""
    rest = _without_scheme(uri)
    user = rest.rpartition("@")[0]
    query = rest.partition("?")[2]
    # Another reader may divide a user and a password at other places.
    found = [user, *user.split(":", 1), *re.split(r"[\s:/@?#]", user), query, *_values(query)]
    if not is_address(uri):
        found.append(rest)  # what follows its last @ is no secret
    elif is_ambiguous(uri):
        found += [rest, *re.split("[:/@?&=]", rest)]
    for secret in found:
        if "${" in secret:
            continue  # it names a variable of the environment
        for plain in {secret, unquote(secret), unquote_plus(secret)}:
            yield from _spellings(plain)


def _without_scheme(uri: str) -> str:
    if is_address(uri):
        return uri.partition("://")[2]
    scheme = _KNOWN.match(uri)
    return uri[scheme.end() if scheme else 0 :].lstrip(":/\\")


def _values(query: str) -> Iterator[str]:
    # A value may be a list of settings itself, such as that of odbc_connect.
    for text in {query, unquote_plus(query)}:
        yield from (part.rpartition("=")[2] for part in re.split("[&;]", text))
        yield from (part.partition("=")[2] for part in re.split("[&;]", text))


def _spellings(secret: str) -> Iterator[str]:
    if secret:
        yield from (secret, quote(secret, safe=""), quote(secret), quote_plus(secret))
        yield repr(secret)[1:-1]
