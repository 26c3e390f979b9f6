"""Credentials: found in the addresses of stores, and left out of what people and files see.

An address is parsed as its reader parses it: SQLAlchemy for a database, `urllib` for a server. What
cannot be parsed without doubt is hidden as a whole.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import quote, quote_plus, unquote, unquote_plus, urlsplit

HIDDEN = "***"
WEB = ("http", "https")
SHORT = 4
"""Secrets with fewer characters are hidden in a text only where they are whole words."""
_ADDRESS = re.compile(r"[A-Za-z][\w+.-]*://", re.ASCII)
_WITHIN = re.compile(r"[A-Za-z][\w+.-]*://[^'\"\]},]*", re.ASCII)
"""An address inside a list or a mapping."""
_STORE_KEY = re.compile(r"ur[il]\b")
"""What `store.uri` ends with, and what a user may write instead by mistake."""
_SECRET_KEY = re.compile(
    r"\+{0,2}hydra\..*(password|passwd|token|secret|credential)", re.IGNORECASE
)
"""Keys of launchers, such as that of Ray's password."""


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
    if not separator or (scheme == "sqlite" and rest.startswith("/")):
        return uri
    address = _parse(uri)
    if address is None or not address.clear:
        return f"{scheme}://{HIDDEN}" if rest else uri
    user = f"{HIDDEN}@" if address.user else ""
    query = f"?{HIDDEN}" if address.query else ""
    return f"{scheme}://{user}{address.server}{address.path}{query}"


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
    text = text.replace(uri, shown)
    for secret in sorted(set(_secrets(uri)), key=len, reverse=True):
        pattern = re.escape(secret)
        if len(secret) < SHORT:
            pattern = rf"(?<!\w){pattern}(?!\w)"
        text = re.sub(pattern, HIDDEN, text, flags=re.IGNORECASE)
    return text


def shown_argument(argument: str) -> str:
    """Return an argument of the command line without the credentials in it."""
    key, mark, uri = _split_argument(argument)
    if _SECRET_KEY.match(key):
        return f"{key}={HIDDEN}"
    if uri:
        return f"{key}={mark}{without_credentials(uri)}{mark}"
    # An address within another value: up to its last @, since a password may hold anything.
    return re.sub(r"://.*@", f"://{HIDDEN}@", argument, flags=re.DOTALL)


def hide_arguments(text: str, arguments: Sequence[str]) -> str:
    """Return a text, such as a refusal, without the credentials in some arguments."""
    for argument in arguments:
        shown = shown_argument(argument)
        if shown != argument:
            text = text.replace(argument, shown).replace(repr(argument)[1:-1], shown)
            uri = _split_argument(argument)[2]
            for address in [uri] if uri else _WITHIN.findall(argument):
                text = hide_credentials(text, address)
    return text


def _split_argument(argument: str) -> tuple[str, str, str]:
    """The key, the quotation mark and the address of an argument that gives a store.

    The address is empty if the argument gives something else.
    """
    key, _, value = argument.partition("=")
    mark = value[:1] if value[:1] in ("'", '"') else ""
    uri = value.strip(mark) if mark else value
    gives_store = _STORE_KEY.search(key) and is_address(uri)
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
    rest = uri.partition("://")[2]
    user = rest.rpartition("@")[0]
    query = rest.partition("?")[2]
    # Another reader may divide a user and a password at other places.
    found = [user, *user.split(":", 1), *re.split(r"[\s:/@?#]", user), query, *_values(query)]
    if is_ambiguous(uri):
        found += [rest, *re.split("[:/@?&=]", rest)]
    for secret in found:
        if "${" in secret:
            continue  # it names a variable of the environment
        for plain in {secret, unquote(secret), unquote_plus(secret)}:
            yield from _spellings(plain)


def _values(query: str) -> Iterator[str]:
    # A value may be a list of settings itself, such as that of odbc_connect.
    for text in {query, unquote_plus(query)}:
        yield from (part.rpartition("=")[2] for part in re.split("[&;]", text))
        yield from (part.partition("=")[2] for part in re.split("[&;]", text))


def _spellings(secret: str) -> Iterator[str]:
    if secret:
        yield from (secret, quote(secret, safe=""), quote(secret), quote_plus(secret))
        yield repr(secret)[1:-1]
