"""What can be wrong with a service, or with what a user gave us.

UsageError                   the input is wrong: said in one line, exit code 2
└─ ServiceRefusalError       a service is missing, or not what it should be, before the run starts
TransportError               one call failed: becomes the step's ``error``, never leaves services/
└─ NoAnswerError             not a byte of the answer came; never leaves the transport's files
"""

from __future__ import annotations

import errno

OWN_ERRNOS = frozenset(
    {errno.EMFILE, errno.ENFILE, errno.EADDRNOTAVAIL, errno.ENOBUFS, errno.ENOMEM}
)
"""No descriptor, port or memory left on this machine: nothing went out to a service."""


class UsageError(Exception):
    """The input is wrong. The message names the place, what was found, what was expected."""


class ServiceRefusalError(UsageError):
    """A service that the run needs is missing or answers what no such service answers."""


class TransportError(Exception):
    """One call failed; the message is the reason as the report shows it."""


class NoAnswerError(TransportError):
    """The connection ended before the first byte of an answer.

    ``refused``: it had ended before the request came, which nobody took.
    """

    refused = False
