"""Certificates for tests."""

import subprocess
from pathlib import Path


def make_certificate(folder: Path, name: str = "cert") -> tuple[Path, Path]:
    """A certificate of `localhost`, signed by itself, and its key."""
    cert, key = folder / f"{name}.pem", folder / f"{name}.key.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    names = ["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    subprocess.run([*command, *names, "-keyout", str(key), "-out", str(cert)], check=True, capture_output=True)
    return cert, key
