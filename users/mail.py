"""Mail from outside: a folder of ``.eml`` files, an mbox, or JSON lines of SMS (``--inbox``).

What is read is untrusted: it is bounded in number and size, and nothing in it is a path. A message
that cannot be read is named and left out. See docs/inbox.md.
"""

from __future__ import annotations

import mailbox
import math
import re
import stat
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from email import policy
from email.errors import MessageError
from email.message import EmailMessage, MIMEPart
from email.parser import BytesParser
from email.utils import parsedate_to_datetime
from hashlib import blake2b
from pathlib import Path
from typing import Any
from unicodedata import category

import msgspec

from mcstress.errors import UsageError
from mcstress.users.scenarios.model import MessageType, Priority, PriorityRule

MOST_MESSAGES = 10_000
MOST_BYTES = 64_000_000
NAMED = 20
"""So many of the messages that were left out are named."""
OF_NUMBER: dict[str, Priority] = {
    "1": "urgent", "2": "high", "3": "medium", "4": "low", "5": "low",
}  # fmt: skip
"""``X-Priority``, whose text is a number from 1, sometimes with words behind it."""
OF_WORD: dict[str, Priority] = {
    "urgent": "urgent", "high": "high", "normal": "medium", "low": "low", "non-urgent": "low",
}  # fmt: skip
"""``Importance`` and ``Priority``."""
PARSER_ERRORS = MessageError, ValueError, LookupError, TypeError, AttributeError, RecursionError
"""The standard library's parser has faults of its own for headers that are none."""
NO_TEXT = ("script", "style", "head", "title", "template")
HIDDEN = re.compile(r"display\s*:\s*none", re.IGNORECASE)
CELLS = ("td", "th")
BLOCKS = (
    "address", "article", "aside", "blockquote", "br", "dd", "div", "dl", "dt", "footer", "form",
    "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr", "li", "main", "nav", "ol", "p", "pre",
    "section", "table", "tr", "ul",
)  # fmt: skip
"""Elements that stand on lines of their own; others, as ``<b>``, may begin within a word."""


class Mail(msgspec.Struct, frozen=True):
    """One email or SMS. ``sent_s`` is Unix time; ``key`` is the same for equal messages.

    ``attachments``: the names of what is left out. ``place``: the file, and where in it, which is
    how a message is named: what it says is real people's.
    """

    type: MessageType
    sender: str
    subject: str
    body: str
    priority: Priority
    sent_s: float | None = None
    attachments: list[str] = []
    key: str = ""
    place: str = ""


class MailSource(msgspec.Struct, frozen=True):
    """What there is to read: the messages by date, and how many were left out (some of them named).

    ``source`` is the path as it was given.
    """

    source: str
    messages: list[Mail]
    left_out: int = 0
    faults: list[str] = []
    attachments: int = 0


class Sms(msgspec.Struct, forbid_unknown_fields=True):
    """A line of a JSON lines file."""

    sender: str
    body: str
    time: datetime | None = None
    priority: Priority | None = None
    subject: str = ""
    type: MessageType = "sms"


class UnreadableError(Exception):
    """A message that is left out, and why."""


_QUOTED_FROM = re.compile(rb"^>(>*From )", re.MULTILINE)
"""How an mbox writes a line that would begin the next message."""

Reader = Callable[[bytes, list[PriorityRule]], Mail]

_sms = msgspec.json.Decoder(Sms)
_emails = BytesParser(policy=policy.default)


def read_mail(path: Path, rules: list[PriorityRule], option: str = "--inbox") -> MailSource:
    """All messages of ``path``, the oldest first; those without a date come last, as they stand.

    Raises UsageError where there is no such file or folder, or no message that can be read.
    """
    found: list[Mail] = []
    faults: list[str] = []
    left_out, size = 0, 0
    try:
        for place, reader, content in _contents(path, option):
            if isinstance(content, str):
                left_out, reason = left_out + 1, content
            elif len(found) == MOST_MESSAGES or size + len(content) > MOST_BYTES:
                left_out += 1
                reason = f"beyond {MOST_MESSAGES:,} messages or {MOST_BYTES // 1_000_000} MB"
            else:
                try:
                    found.append(msgspec.structs.replace(reader(content, rules), place=place))
                    size += len(content)
                    continue
                except UnreadableError as fault:
                    left_out, reason = left_out + 1, str(fault)
            if len(faults) < NAMED:
                faults.append(f"{place}: {reason}")
    except OSError as error:
        raise UsageError(f"{option} {path}: cannot be read: {error.strerror or error}") from None
    if not found:
        why = f": {faults[0]}" if faults else ""
        raise UsageError(
            f"{option} {path}: found no message that can be read{why}; expected a folder of .eml "
            "files, an mbox, or JSON lines of SMS"
        )
    found.sort(key=lambda mail: math.inf if mail.sent_s is None else mail.sent_s)
    return MailSource(
        source=str(path),
        messages=found,
        left_out=left_out,
        faults=faults,
        attachments=sum(len(one.attachments) for one in found),
    )


def _contents(path: Path, option: str) -> Iterator[tuple[str, Reader, bytes | str]]:
    """Every message with the place that it stands at; files are read one at a time.

    Of one of a folder's files that cannot be read, the reason.
    """
    if path.is_dir():
        files = sorted(one for one in path.rglob("*") if one.suffix.lower() == ".eml")
        for file in files:
            if not file.is_dir():
                yield _one_line(str(file.relative_to(path))), _of_email, _file_of_folder(file)
    elif not path.exists():
        raise UsageError(f"{option} {path}: found no such file or folder")
    elif not path.is_file():
        raise UsageError(f"{option} {path}: found a pipe or a device, expected a file or a folder")
    elif path.suffix.lower() == ".eml":
        yield path.name, _of_email, _bytes_of(path)
    elif path.suffix.lower() in (".jsonl", ".ndjson"):
        with path.open("rb") as lines:
            for number, line in enumerate(iter(lambda: lines.readline(MOST_BYTES), b""), start=1):
                if line.strip():
                    yield f"{path.name}, line {number}", _of_line, line
    else:
        yield from _of_mbox(path)


def _file_of_folder(file: Path) -> bytes | str:
    """What is in it, or why it cannot be read. A pipe is not opened: that may take for ever."""
    try:
        return _bytes_of(file) if stat.S_ISREG(file.stat().st_mode) else "is no file"
    except OSError as error:
        return f"cannot be read: {error.strerror or error}"


def _bytes_of(file: Path) -> bytes:
    """The file; of one that is too large only enough to see that it is."""
    with file.open("rb") as opened:
        return opened.read(MOST_BYTES + 1)


def _of_mbox(path: Path) -> Iterator[tuple[str, Reader, bytes]]:
    with path.open("rb") as opened:
        if opened.read(5) != b"From ":
            return
    box = mailbox.mbox(path, create=False)
    try:
        for number, key in enumerate(box.keys(), start=1):
            with box.get_file(key) as message:
                content = _QUOTED_FROM.sub(rb"\1", message.read(MOST_BYTES + 1))
            yield f"{path.name}, message {number}", _of_email, content
    finally:
        box.close()


def _of_line(line: bytes, rules: list[PriorityRule]) -> Mail:
    try:
        sms = _sms.decode(line)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise UnreadableError(f"is no SMS: {error}") from None
    sent_s = None
    if sms.time is not None:
        sent_s = (sms.time if sms.time.tzinfo else sms.time.replace(tzinfo=UTC)).timestamp()
    priority = sms.priority or _by_rule(rules, sms.subject, sms.body)
    return _checked(Mail(sms.type, sms.sender, sms.subject, sms.body, priority, sent_s))


def _of_email(content: bytes, rules: list[PriorityRule]) -> Mail:
    if len(content) > MOST_BYTES:
        raise UnreadableError(f"is larger than {MOST_BYTES // 1_000_000} MB")
    try:
        email = _emails.parsebytes(content)
        if not email.keys():
            raise UnreadableError("has no header")
        part = email.get_body(("plain", "html"))
        body = "" if part is None else _text_of(part)
        attachments = [*_attachments(email, part)]
        sender, subject = _header(email, "From"), _header(email, "Subject")
        priority = _of_headers(email) or _by_rule(rules, subject, body)
        mail = Mail("email", sender, subject, body, priority, _sent_s(email), attachments)
    except PARSER_ERRORS as error:
        raise UnreadableError(f"is no email: {type(error).__name__}: {error}") from None
    return _checked(mail)


def _attachments(part: MIMEPart, body: MIMEPart | None) -> Iterator[str]:
    """The names of parts that are left out: files, whatever they say of themselves, and messages.

    Many programs attach a file without saying that it is an attachment.
    """
    if part is body:
        return
    name, kind = part.get_filename(), part.get_content_maintype()
    if name or kind == "message" or part.get_content_disposition() == "attachment":
        yield _one_line(name or "unnamed")
    elif part.is_multipart():
        for one in part.iter_parts():
            yield from _attachments(one, body)


def _text_of(part: MIMEPart) -> str:
    """The text of a part; of HTML, what one sees of it."""
    text = _decoded(part)
    return _seen(text) if part.get_content_type() == "text/html" else text


def _seen(html: str) -> str:
    """The text of a page as it is seen: a line for each block, whatever stands within it."""
    from bs4 import BeautifulSoup  # noqa: PLC0415  (a tenth of a second, for HTML mail alone)
    from bs4.element import CData, NavigableString, Tag  # noqa: PLC0415  (as above)

    seen: list[str] = []
    # By hand: to change a page of n elements takes bs4 n², hours for a mail of 10 MB.
    left: list[Any] = [BeautifulSoup(html, "html.parser")]
    while left:
        node = left.pop()
        if isinstance(node, Tag):
            if node.name in NO_TEXT or HIDDEN.search(str(node.get("style", ""))):
                continue
            around = "\n" if node.name in BLOCKS else ""
            seen.append(around)
            left += [f" {around}" if node.name in CELLS else around, *reversed(node.contents)]
        elif type(node) in (NavigableString, CData):  # and no comment, nor a declaration
            seen.append(re.sub(r"\s+", " ", node))
        elif type(node) is str:
            seen.append(node)
    lines = (re.sub(r" +", " ", line).strip() for line in "".join(seen).split("\n"))
    return "\n".join(line for line in lines if line)


def _decoded(part: MIMEPart) -> str:
    """Read as the charset it names, else as what it is: UTF-8, or else Windows' Latin."""
    raw: Any = part.get_payload(decode=True)
    content = raw if isinstance(raw, bytes) else b""
    for charset in (part.get_content_charset() or "utf-8", "utf-8"):
        try:
            return content.decode(charset)
        except (UnicodeDecodeError, LookupError):
            continue
    return content.decode("cp1252", errors="replace")


def _header(email: EmailMessage, name: str) -> str:
    """A header; the parser reads its encoded words."""
    return _one_line(str(email.get(name, "")))


def _one_line(text: str) -> str:
    """On one line, without control characters: it is shown in terminals."""
    line = " ".join(text.encode(errors="replace").decode().split())
    return "".join("\N{REPLACEMENT CHARACTER}" if category(sign) == "Cc" else sign for sign in line)


def _of_headers(email: EmailMessage) -> Priority | None:
    number = _header(email, "X-Priority")[:1]
    words = (_header(email, name).lower() for name in ("Importance", "Priority"))
    by_word = (OF_WORD[word] for word in words if word in OF_WORD)
    return OF_NUMBER.get(number) or next(by_word, None)


def _by_rule(rules: list[PriorityRule], subject: str, body: str) -> Priority:
    """The first rule one of whose words stands in the message, or ``medium``."""
    text = f"{subject}\n{body}".lower()
    for rule in rules:
        if any(word.lower() in text for word in rule.words):
            return rule.is_
    return "medium"


def _sent_s(email: EmailMessage) -> float | None:
    """When it was sent; a date of no zone is UTC, one that is no date is none."""
    said = _header(email, "Date")
    if not said:
        return None
    try:
        sent = parsedate_to_datetime(said)
        return (sent if sent.tzinfo else sent.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError, TypeError, IndexError):
        return None


def _checked(mail: Mail) -> Mail:
    """The message with its key; UnreadableError where it says nothing."""
    body = mail.body.replace("\r\n", "\n").strip()
    if not body:
        raise UnreadableError("says nothing: its body is empty")
    whole = f"{mail.type}\n{mail.sender}\n{mail.subject}\n{body}".encode(errors="surrogatepass")
    key = blake2b(whole, digest_size=8).hexdigest()
    return msgspec.structs.replace(mail, body=body, key=key)
