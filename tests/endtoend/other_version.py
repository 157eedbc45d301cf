"""A locustfile that is not quite this program's: OTHER says in what it differs."""

import os

import msgspec

from mcstress.cluster import handshake, messages

OTHER = os.environ["OTHER"]
PROTOCOL = handshake.own_protocol()

if OTHER == "version":
    handshake.own_version = lambda: "0.0.9"
elif OTHER == "silent on its version":
    handshake.greeting = messages.Greeting
elif OTHER == "unreadable greeting":
    unreadable = msgspec.defstruct("Greeting", [("version", int)])
    handshake.greeting = lambda: unreadable(9)
elif OTHER == "other welcome":
    handshake.own_protocol = lambda: PROTOCOL
    messages.Welcome = msgspec.defstruct("Welcome", [("only_here", int)])

from locustfile import *  # noqa: E402, F403  (after what it is to differ in)
