"""Certificates for a TLS lab, made by openssl: authorities, servers and clients, good ones and bad ones."""

import shutil
import subprocess
from pathlib import Path

_AUTHORITY = "basicConstraints=critical,CA:TRUE\nkeyUsage=keyCertSign\n"
_LEAF = "basicConstraints=critical,CA:FALSE\nkeyUsage=digitalSignature,keyEncipherment\n"


class Authority:
    """Signs what its folder then holds: NAME.pem with NAME.key. days below 0: has run out already."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True)
        self._request("ca")
        self._openssl("x509", "-req", "-in", "ca.csr", "-signkey", "ca.key", *self._out("ca", _AUTHORITY, 2))

    def server(self, name: str, host: str, days: int = 2) -> None:
        self._sign(name, f"{_LEAF}extendedKeyUsage=serverAuth\nsubjectAltName=DNS:{host}\n", days)

    def client(self, name: str, days: int = 2) -> None:
        self._sign(name, f"{_LEAF}extendedKeyUsage=clientAuth\n", days)

    def pki(self, folder: Path, client: str, trusted: "Authority | None" = None) -> Path:
        """A folder for `?pkipath=`: whom the client is, and whom it trusts (else its own authority)."""
        folder.mkdir()
        shutil.copy((trusted or self).folder / "ca.pem", folder / "cacert.pem")
        shutil.copy(self.folder / f"{client}.pem", folder / "clientcert.pem")
        shutil.copy(self.folder / f"{client}.key", folder / "clientkey.pem")
        return folder

    def _sign(self, name: str, extensions: str, days: int) -> None:
        self._request(name)
        signer = ("-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial")
        self._openssl("x509", "-req", "-in", f"{name}.csr", *signer, *self._out(name, extensions, days))

    def _request(self, name: str) -> None:
        key = (
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-nodes",
            "-keyout",
            f"{name}.key",
        )
        self._openssl("req", "-new", *key, "-out", f"{name}.csr", "-subj", f"/CN={name}")

    def _out(self, name: str, extensions: str, days: int) -> tuple[str, ...]:
        file = self.folder / f"{name}.ext"
        file.write_text(extensions)
        return "-extfile", str(file), "-days", str(days), "-out", f"{name}.pem"

    def _openssl(self, *arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=self.folder, check=True, capture_output=True, timeout=60)
