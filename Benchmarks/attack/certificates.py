# This file is part of swift-chord, a Chord node and library in Swift.
# Copyright the swift-chord contributors.
# SPDX-License-Identifier: Apache-2.0
"""Certificates of the ring's own authority with one thing wrong each, as a careless authority would issue them."""

import dataclasses
import datetime
import ipaddress
import pathlib

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID as Usage
from cryptography.x509.oid import NameOID

DOMAIN = "chord.local"
GOOD = f"spiffe://{DOMAIN}/chord/client/forged"
DAY = datetime.timedelta(days=1)


@dataclasses.dataclass
class Forged:
    name: str
    source: str
    why: str
    uris: tuple = (GOOD,)
    dns: tuple = ()
    begins: int = -1
    ends: int = 30
    is_authority: bool = False
    usage: tuple = ("digital_signature",)
    usage_is_critical: bool = True
    extended: tuple = (Usage.SERVER_AUTH, Usage.CLIENT_AUTH)
    other_authority: bool = False
    is_revoked: bool = False
    is_refused: bool = True


FORGED = [
    Forged("wrong-authority", "TLS", "of another authority", other_authority=True),
    Forged("expired", "TLS", "that has ended", begins=-20, ends=-1),
    Forged("not-yet-valid", "TLS", "that is not valid yet", begins=1),
    Forged("revoked", "TLS", "that is revoked", is_revoked=True),
    Forged("usage-forbids-client", "TLS", "for servers only", extended=(Usage.SERVER_AUTH,)),
    Forged("usage-forbids-server", "SPIFFE 4.4", "for clients only", extended=(Usage.CLIENT_AUTH,)),
    Forged("usage-of-email", "SPIFFE 4.4", "for mail", extended=(Usage.EMAIL_PROTECTION,)),
    Forged("no-uri", "SPIFFE 2", "with a host and no URI", uris=(), dns=("localhost",)),
    Forged("two-uris", "SPIFFE 2", "with two URIs", uris=(GOOD, f"spiffe://{DOMAIN}/chord/admin/forged")),
    Forged("other-scheme", "SPIFFE-ID 2", "with a URI of another scheme", uris=(f"https://{DOMAIN}/chord/client/f",)),
    Forged("root-path", "SPIFFE 4.1", "whose path is the root", uris=(f"spiffe://{DOMAIN}/",)),
    Forged("no-path", "SPIFFE 4.1", "without a path", uris=(f"spiffe://{DOMAIN}",)),
    Forged("other-domain", "SPIFFE 3", "of another trust domain", uris=("spiffe://other.local/chord/client/forged",)),
    Forged("unknown-role", "roles", "of a role that is none", uris=(f"spiffe://{DOMAIN}/chord/root/forged",)),
    Forged("authority-as-leaf", "SPIFFE 4.1", "of an authority", is_authority=True),
    Forged("no-signature", "SPIFFE 4.3", "whose key may not sign", usage=("key_encipherment",)),
    Forged(
        "may-sign-certificates", "SPIFFE 4.3", "whose key may sign certificates",
        usage=("digital_signature", "key_cert_sign"),
    ),
    Forged("may-sign-lists", "SPIFFE 4.3", "whose key may sign lists", usage=("digital_signature", "crl_sign")),
    Forged("usage-not-critical", "SPIFFE 4.3", "whose key usage is not critical", usage_is_critical=False),
    Forged("no-usage", "SPIFFE 4.3", "without key usage", usage=()),
    Forged("no-extended-usage", "SPIFFE 4.4", "without extended key usage", extended=(), is_refused=False),
]  # fmt: skip
USAGES = [
    "digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
    "key_cert_sign", "crl_sign", "encipher_only", "decipher_only",
]  # fmt: skip


def pem(key):
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    return key.private_bytes(encoding, form, serialization.NoEncryption())


class Authority:
    """The authority of a folder that scripts/certs made."""

    def __init__(self, certs):
        self.certs = pathlib.Path(certs)
        self.certificate = x509.load_pem_x509_certificate((self.certs / "ca.pem").read_bytes())
        self.key = serialization.load_pem_private_key((self.certs / "ca/ca.key").read_bytes(), None)
        self.other_key = ec.generate_private_key(ec.SECP256R1())
        self.now = datetime.datetime.now(datetime.timezone.utc)

    def issue_all(self):
        """All certificates, and a revocation list with the one that is revoked."""
        revoked = [self.issue(each).serial_number for each in FORGED if each.is_revoked]
        for each in FORGED:
            if not each.is_revoked:
                self.issue(each)
        self.revoke(revoked)

    def issue(self, forged):
        key = ec.generate_private_key(ec.SECP256R1())
        issuer = self.certificate.subject
        builder = x509.CertificateBuilder().issuer_name(issuer).public_key(key.public_key())
        builder = builder.subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, forged.name)]))
        builder = builder.serial_number(x509.random_serial_number())
        builder = builder.not_valid_before(self.now + forged.begins * DAY).not_valid_after(self.now + forged.ends * DAY)
        builder = builder.add_extension(x509.BasicConstraints(forged.is_authority, None), critical=True)
        if forged.usage:
            usage = x509.KeyUsage(**{name: name in forged.usage for name in USAGES})
            builder = builder.add_extension(usage, critical=forged.usage_is_critical)
        if forged.extended:
            builder = builder.add_extension(x509.ExtendedKeyUsage(forged.extended), critical=False)
        names = [x509.UniformResourceIdentifier(uri) for uri in forged.uris]
        names += [x509.DNSName(name) for name in forged.dns]
        if forged.dns:
            names.append(x509.IPAddress(ipaddress.ip_address("127.0.0.1")))
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        signer = self.other_key if forged.other_authority else self.key
        identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key())
        builder = builder.add_extension(identifier, critical=False)
        identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
        builder = builder.add_extension(identifier, critical=False)
        certificate = builder.sign(signer, hashes.SHA256())
        (self.certs / f"forged-{forged.name}.key").write_bytes(pem(key))
        content = certificate.public_bytes(serialization.Encoding.PEM)
        (self.certs / f"forged-{forged.name}.pem").write_bytes(content)
        return certificate

    def revoke(self, serials):
        builder = x509.CertificateRevocationListBuilder().issuer_name(self.certificate.subject)
        builder = builder.last_update(self.now - DAY).next_update(self.now + 10 * DAY)
        for serial in serials:
            entry = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(self.now - DAY).build()
            builder = builder.add_revoked_certificate(entry)
        identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key())
        builder = builder.add_extension(identifier, critical=False).add_extension(x509.CRLNumber(2), critical=False)
        content = builder.sign(self.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
        (self.certs / "crl.pem").write_bytes(content)
