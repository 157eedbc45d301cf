"""Mail from outside: every odd message becomes the text that a person reads, or is named."""

from __future__ import annotations

import mailbox
import os
import sys
from datetime import UTC, datetime
from email.message import EmailMessage

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcstress.errors import UsageError
from mcstress.users import mail
from mcstress.users.mail import read_mail
from mcstress.users.scenarios.model import PriorityRule

HEAD = b"From: Ann <ann@client.example>\r\nSubject: Help\r\n"
RULES = [
    PriorityRule(["asap", "line is down"], "urgent"),
    PriorityRule(["next month"], "low"),
]
MULTIPART = b"""Content-Type: multipart/mixed; boundary=x\r
\r
--x\r
Content-Type: multipart/alternative; boundary=y\r
\r
--y\r
Content-Type: text/html\r
\r
<p>Two <b>nurses</b></p>\r
--y\r
Content-Type: text/plain\r
\r
Two nurses, plainly\r
--y--\r
--x\r
Content-Type: application/pdf\r
Content-Disposition: attachment; filename="../../plan.pdf"\r
Content-Transfer-Encoding: base64\r
\r
JVBERi0=\r
--x--\r
"""
HTML = b"""Content-Type: text/html; charset=utf-8\r
\r
<html><head><title>No</title><style>p {color: red}</style></head>
<body><script>alert(1)</script>
<p>We need <b>3 welders</b>&nbsp;&amp; a foreman.</p></body></html>"""
REPLY = (
    b"Content-Type: text/plain\r\n\r\nYes please.\r\n\r\nOn Monday Bob wrote:\r\n> How many?\r\n"
)
BODIES = {
    "plain": (b"\r\nFive packers\r\n", "Five packers"),
    "windows line ends": (b"\r\nFive\r\npackers\r\n", "Five\npackers"),
    "utf-8": ("Content-Type: text/plain; charset=utf-8\r\n\r\nFünf Köche".encode(), "Fünf Köche"),
    "latin-1": (
        "Content-Type: text/plain; charset=iso-8859-1\r\n\r\nFünf Köche".encode("latin-1"),
        "Fünf Köche",
    ),
    "says ascii, is utf-8": (
        "Content-Type: text/plain; charset=us-ascii\r\n\r\nFünf Köche".encode(),
        "Fünf Köche",
    ),
    "says utf-8, is windows": (
        "Content-Type: text/plain; charset=utf-8\r\n\r\nFünf “Köche”".encode("cp1252"),
        "Fünf “Köche”",
    ),
    "a charset that there is not": (
        "Content-Type: text/plain; charset=x-unknown\r\n\r\nFünf Köche".encode(),
        "Fünf Köche",
    ),
    "shift-jis": (
        "Content-Type: text/plain; charset=shift_jis\r\n\r\n五人".encode("shift_jis"),
        "五人",
    ),
    "quoted-printable": (
        (
            b"Content-Type: text/plain; charset=utf-8\r\n"
            b"Content-Transfer-Encoding: quoted-printable\r\n\r\nF=C3=BCnf =\r\nK=C3=B6che"
        ),
        "Fünf Köche",
    ),
    "base64": (
        (
            b"Content-Type: text/plain; charset=utf-8\r\n"
            b"Content-Transfer-Encoding: base64\r\n\r\nRsO8bmYgS8O2Y2hl\r\n"
        ),
        "Fünf Köche",
    ),
    "html only": (HTML, "We need 3 welders & a foreman."),
    "html of many elements": (
        (
            b"Content-Type: text/html\r\n\r\n<div style='Display: none'>preview</div>"
            b"<div>2 <b>n</b>urses\r\nand <i>one</i> cook<br>at once</div>"
            b"<ul><li>day</li><li>night</li></ul><table><tr><td>rate</td><td>30</td></tr></table>"
        ),
        "2 nurses and one cook\nat once\nday\nnight\nrate 30",
    ),
    "what nobody sees of html": (
        (
            b"Content-Type: text/html\r\n\r\n<!DOCTYPE html><html><!--[if mso]><p>Outlook</p>"
            b"<![endif]--><body><!-- template 7 --><p>Two cooks</p><?xml x ?></body></html>"
        ),
        "Two cooks",
    ),
    "multipart": (MULTIPART, "Two nurses, plainly"),
    "a reply": (REPLY, "Yes please.\n\nOn Monday Bob wrote:\n> How many?"),
    "9 KiB": (b"\r\n" + b"x" * 9216, "x" * 9216),
    "a boundary that never ends": (
        b"Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n\r\nStill here",
        "Still here",
    ),
}
UNREADABLE = {
    "nothing": b"",
    "no header": b"\r\n\r\nHello",
    "no body": HEAD + b"\r\n",
    "only an attachment": HEAD + b"Content-Type: application/pdf\r\n\r\nJVBERi0=",
    "null bytes": b"\x00" * 100,
}


def email_at(folder, content, name="a.eml"):
    (folder / name).write_bytes(content)
    return read_mail(folder, RULES)


def test_a_page_of_many_elements_takes_no_longer_for_each_than_one_of_few(tmp_path):
    """Counted, not timed: of twice as many elements, twice as many steps and not four times."""

    def lines_run(elements):
        count = 0

        def counts(_frame, event, _of):
            nonlocal count
            count += event == "line"
            return counts

        body = b"Content-Type: text/html\r\n\r\n" + b"<p>cook</p>" * elements
        before = sys.gettrace()
        sys.settrace(counts)
        try:
            email_at(tmp_path, body)
        finally:
            sys.settrace(before)
        return count

    lines_run(1)
    assert lines_run(2000) < 3 * lines_run(1000)


@pytest.mark.parametrize("case", BODIES)
def test_a_body_is_what_a_person_reads(tmp_path, case):
    content, expected = BODIES[case]
    (message,) = email_at(tmp_path, HEAD + content).messages
    assert message.body == expected
    assert (message.type, message.sender, message.subject) == (
        "email", "Ann <ann@client.example>", "Help",
    )  # fmt: skip


def test_attachments_are_named_and_left_out(tmp_path):
    source = email_at(tmp_path, HEAD + MULTIPART)
    assert source.attachments == 1
    assert source.messages[0].attachments == ["../../plan.pdf"]


def test_files_that_do_not_say_that_they_are_attachments_are_named_too(tmp_path):
    parts = (
        b"Content-Type: text/plain\r\n\r\nFive packers",
        b'Content-Type: application/pdf; name="plan.pdf"\r\n\r\nx',
        b'Content-Type: image/png\r\nContent-Disposition: inline; filename="logo.png"\r\n\r\nx',
        b"Content-Type: message/rfc822\r\n\r\nFrom: z@x.example\r\n\r\nSix packers",
    )
    content = b"Content-Type: multipart/mixed; boundary=x\r\n\r\n"
    content += b"".join(b"--x\r\n" + part + b"\r\n" for part in parts) + b"--x--\r\n"
    (message,) = email_at(tmp_path, HEAD + content).messages
    assert message.body == "Five packers"
    assert message.attachments == ["plan.pdf", "logo.png", "unnamed"]


def test_a_file_of_a_folder_that_cannot_be_opened_is_named_and_left_out(tmp_path):
    (tmp_path / "gone.eml").symlink_to(tmp_path / "nowhere")
    (tmp_path / "folder.eml").mkdir()
    os.mkfifo(tmp_path / "pipe.eml")
    (tmp_path / "\x1b[31m.eml").write_bytes(b"")
    source = email_at(tmp_path, HEAD + b"\r\nFive packers", "folder.eml/in.eml")
    assert [(mail.body, mail.place) for mail in source.messages] == [
        ("Five packers", "folder.eml/in.eml")
    ]
    assert source.faults == [
        "\N{REPLACEMENT CHARACTER}[31m.eml: has no header",
        "gone.eml: cannot be read: No such file or directory",
        "pipe.eml: is no file",
    ]
    assert source.left_out == 3


@pytest.mark.parametrize("case", UNREADABLE)
def test_what_cannot_be_read_is_named_and_counted(tmp_path, case):
    (tmp_path / "good.eml").write_bytes(HEAD + b"\r\nFive packers")
    source = email_at(tmp_path, UNREADABLE[case])
    assert source.left_out == 1
    assert source.faults[0].startswith("a.eml: ")
    assert [message.body for message in source.messages] == ["Five packers"]


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("absent", "found no such file or folder"),
        ("pipe", "found a pipe or a device, expected a file or a folder"),
        ("empty", "found no message that can be read"),
        ("broken", "found no message that can be read: a.eml: has no header"),
        ("words.txt", "expected a folder of .eml files, an mbox, or JSON lines of SMS"),
    ],
)
def test_none_that_can_be_read_is_refused(tmp_path, path, said):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "empty").mkdir()
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "a.eml").write_bytes(b"\r\nHello")
    (tmp_path / "words.txt").write_text("Dear all")
    with pytest.raises(UsageError, match="--inbox") as refused:
        read_mail(tmp_path / path, [])
    assert said in str(refused.value)


def test_encoded_headers_are_read_and_stay_on_one_line(tmp_path):
    sender = b"From: =?utf-8?q?J=C3=BCrgen?= <j@x.example>\r\n"
    subject = b"Subject: =?utf-8?b?RsO8bmY=?=\r\n folded\r\n"
    (message,) = email_at(tmp_path, sender + subject + b"\r\nHello").messages
    assert message.sender == "Jürgen <j@x.example>"
    assert message.subject == "Fünf folded"
    red = HEAD.replace(b"Help", b"=?utf-8?q?=1B[31mHelp?=")
    (message,) = email_at(tmp_path, red + b"\r\nHello").messages
    assert message.subject == "\N{REPLACEMENT CHARACTER}[31mHelp"


@pytest.mark.parametrize(
    ("headers", "body", "priority"),
    [
        ("X-Priority: 1 (Highest)", "asap", "urgent"),
        ("X-Priority: 2", "", "high"),
        ("X-Priority: 5", "asap", "low"),
        ("Importance: High", "", "high"),
        ("Priority: non-urgent", "", "low"),
        ("X-Priority: 9", "our LINE IS DOWN", "urgent"),
        ("X-Other: 1", "some time next month", "low"),
        ("X-Other: 1", "hello", "medium"),
    ],
)
def test_priority_is_the_headers_or_the_rules(tmp_path, headers, body, priority):
    content = f"From: a@x.example\r\n{headers}\r\n\r\nHi {body}".encode()
    assert email_at(tmp_path, content).messages[0].priority == priority


def test_dates_order_them_and_who_has_none_comes_last(tmp_path):
    dates = {
        "a": "Tue, 03 Mar 2026 09:00:00 +0100",
        "b": "Tue, 03 Mar 2026 07:00:00",
        "c": "never",
        "d": None,
        "e": "Mon, 02 Mar 2026 23:00:00 -0800",
    }
    for name, date in dates.items():
        head = f"From: x@x.example\r\n{f'Date: {date}' if date else 'X: y'}\r\n\r\n{name}"
        (tmp_path / f"{name}.eml").write_bytes(head.encode())
    found = read_mail(tmp_path, []).messages
    assert [message.body for message in found] == ["b", "e", "a", "c", "d"]
    sent = {message.body: message.sent_s for message in found}
    assert sent["a"] == datetime(2026, 3, 3, 8, tzinfo=UTC).timestamp()
    assert sent["b"] == sent["e"] == datetime(2026, 3, 3, 7, tzinfo=UTC).timestamp()
    assert sent["c"] is sent["d"] is None


def test_an_mbox_is_read_message_by_message(tmp_path):
    box = mailbox.mbox(tmp_path / "mail")
    for number in range(3):
        message = EmailMessage()
        message["From"], message["Subject"] = f"n{number}@x.example", f"number {number}"
        message.set_content(f"From here on: {number}\n")
        box.add(message)
    box.close()
    found = read_mail(tmp_path / "mail", []).messages
    assert [message.body for message in found] == [f"From here on: {n}" for n in range(3)]


def test_json_lines_are_sms(tmp_path):
    (tmp_path / "sms.jsonl").write_text(
        '{"sender": "+1 555", "body": "2 nurses asap", "time": "2026-03-02T09:00:00Z"}\n'
        "\n"
        '{"sender": "+1 556", "body": "1 cook", "priority": "low"}\n'
        '{"sender": "+1 557"}\n'
        '{"sender": "+1 558", "body": "x", "number": 1}\n'
        f"{'[' * 100_000}\n"
        "not JSON\n"
    )
    source = read_mail(tmp_path / "sms.jsonl", RULES)
    assert [(m.type, m.body, m.priority) for m in source.messages] == [
        ("sms", "2 nurses asap", "urgent"),
        ("sms", "1 cook", "low"),
    ]
    assert source.left_out == 4
    assert [fault.split(":")[0] for fault in source.faults] == [
        f"sms.jsonl, line {number}" for number in (4, 5, 6, 7)
    ]


def test_equal_messages_are_one_question(tmp_path):
    for name in ("a", "b"):
        (tmp_path / f"{name}.eml").write_bytes(HEAD + b"\r\nFive packers")
    (tmp_path / "c.eml").write_bytes(HEAD + b"\r\nSix packers")
    keys = [message.key for message in read_mail(tmp_path, []).messages]
    assert len(keys) == 3
    assert len(set(keys)) == 2


def test_number_and_size_are_bounded(tmp_path, monkeypatch):
    for number in range(5):
        (tmp_path / f"{number}.eml").write_bytes(HEAD + b"\r\n" + b"x" * 100)
    monkeypatch.setattr(mail, "MOST_MESSAGES", 3)
    source = read_mail(tmp_path, [])
    assert (len(source.messages), source.left_out) == (3, 2)
    monkeypatch.setattr(mail, "MOST_BYTES", 2 * len(HEAD) + 250)
    assert len(read_mail(tmp_path, []).messages) == 2


@given(st.binary(max_size=400))
def test_no_bytes_are_a_traceback(tmp_path_factory, content):
    folder = tmp_path_factory.mktemp("mail")
    (folder / "good.eml").write_bytes(HEAD + b"\r\nFive packers")
    source = email_at(folder, HEAD + content)
    assert len(source.messages) + source.left_out == 2
