"""A certificate that signs itself, made by the openssl binary."""

from __future__ import annotations

import ssl
import subprocess
from pathlib import Path

COMMAND = (
    "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 "
    "-subj /CN=stand-in -addext subjectAltName=IP:127.0.0.1,DNS:localhost"
)


def certify(folder: Path) -> tuple[ssl.SSLContext, Path]:
    """A server's context for 127.0.0.1 and localhost, and the file with its certificate."""
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    command = [*COMMAND.split(), "-keyout", str(key), "-out", str(certificate)]
    subprocess.run(command, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context, certificate
