"""An authority that signs certificates for one test."""

import contextlib
import datetime as dt
import ipaddress
import ssl
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


class Authority:
    """Signs certificates for one test."""

    def __init__(self, folder: Path, name: str = "authority") -> None:
        self.folder = folder
        self.name = name
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        now = dt.datetime.now(dt.UTC)
        self._from, self._until = now - dt.timedelta(hours=1), now + dt.timedelta(1)
        made = self._builder(self._subject, self._key.public_key()).add_extension(
            x509.BasicConstraints(ca=True, path_length=None), critical=True
        )
        self.file = self._write(f"{name}.pem", made.sign(self._key, hashes.SHA256()))

    def issue(self, file: str, *names: str) -> tuple[str, str]:
        """Files of a certificate with these DNS names, addresses or sip: URIs, and its key."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, file)])
        shown = x509.SubjectAlternativeName([_general_name(name) for name in names])
        made = self._builder(subject, key.public_key()).add_extension(shown, critical=False)
        certificate = self._write(f"{file}.crt", made.sign(self._key, hashes.SHA256()))
        secret = self.folder / f"{file}.key"
        secret.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        return certificate, secret.name

    def client(self, *own: str) -> ssl.SSLContext:
        """What a peer brings that trusts this authority; ``own`` are its certificate and key."""
        context = ssl.create_default_context(cafile=str(self.folder / self.file))
        if own:
            context.load_cert_chain(*(self.folder / name for name in own))
        return context

    def _builder(self, subject: x509.Name, key) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._subject)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(self._from)
            .not_valid_after(self._until)
        )

    def _write(self, name: str, certificate: x509.Certificate) -> str:
        data = certificate.public_bytes(serialization.Encoding.PEM)
        (self.folder / name).write_bytes(data)
        return name


def _general_name(name: str) -> x509.GeneralName:
    if name.startswith("sip:"):
        return x509.UniformResourceIdentifier(name)
    with contextlib.suppress(ValueError):
        return x509.IPAddress(ipaddress.ip_address(name))
    return x509.DNSName(name)
