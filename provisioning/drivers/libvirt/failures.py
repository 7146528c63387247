"""libvirt's errors in our words: who does not answer, and who says no."""

from typing import Any

from cloudctl.core.errors import CloudctlError, Refused
from provisioning.driver import HostUnreachable, StillAtWork
from provisioning.drivers.libvirt.sdk import sdk

# Words of the catalogue for a host that could not be asked.
UNREACHABLE, CREDENTIALS, TLS = "host_unreachable", "credentials_refused", "tls_failed"
_LOGIN_WORDS = (
    "permission denied",
    "host key verification",
    "authentication failed",
    "authentication unavailable",
)
_TLS_WORDS = ("certificate", "tls handshake", "gnutls")


class HostSilent(HostUnreachable):
    """A host that could not be asked. word: why, as a fault of an observation names it. is_late: no answer in time."""

    def __init__(
        self, template: str, word: str = UNREACHABLE, *, host: str, is_late: bool = False, **values: Any
    ) -> None:
        self.word, self.is_late = word, is_late
        super().__init__(template, host=host, **values)


def said(error: Any) -> str:
    """What libvirt says, in one line."""
    return " ".join(str(error).split()) or "?"


def translated(error: Any, host: str) -> CloudctlError:
    """A libvirtError as one of ours: Refused where nothing was done, else HostSilent, or of one machine StillAtWork."""
    libvirt = sdk()
    code, text = error.get_error_code(), said(error)
    lower = text.lower()
    is_refused = code == libvirt.VIR_ERR_AUTH_FAILED
    is_line = is_refused or _is_of_the_line(error)
    # First, for libvirt calls a certificate that it does not trust a failed authentication.
    if code == libvirt.VIR_ERR_GNUTLS_ERROR or (is_line and any(word in lower for word in _TLS_WORDS)):
        return HostSilent("Host {host}: no secure connection (TLS): {reason}", TLS, host=host, reason=text)
    if is_refused or (is_line and any(word in lower for word in _LOGIN_WORDS)):
        return HostSilent(
            "Host {host} refused the credentials: {reason}", CREDENTIALS, host=host, reason=text
        )
    if is_line:
        return HostSilent("Host {host} does not answer: {reason}", host=host, reason=text)
    if code == libvirt.VIR_ERR_OPERATION_TIMEOUT:
        # It answers, but a QEMU of its does not.
        return StillAtWork("Host {host} did not get it done in time: {reason}", host=host, reason=text)
    return Refused("Host {host} refused: {reason}", host=host, reason=text)


def unreachable(error: Any, host: str) -> HostSilent:
    """Whatever it was: nobody could ask the host."""
    reason = translated(error, host)
    if isinstance(reason, HostSilent):
        return reason
    return HostSilent("Host {host} does not answer: {reason}", host=host, reason=said(error))


def _is_of_the_line(error: Any) -> bool:
    """Whether the connection, rather than the hypervisor, is the trouble."""
    libvirt = sdk()
    lines = {libvirt.VIR_FROM_RPC, libvirt.VIR_FROM_REMOTE, libvirt.VIR_FROM_AUTH, libvirt.VIR_FROM_STREAMS}
    codes = {
        libvirt.VIR_ERR_NO_CONNECT,
        libvirt.VIR_ERR_RPC,
        libvirt.VIR_ERR_INTERNAL_ERROR,
        libvirt.VIR_ERR_SYSTEM_ERROR,
        libvirt.VIR_ERR_AUTH_FAILED,
        libvirt.VIR_ERR_AUTH_CANCELLED,
        libvirt.VIR_ERR_AUTH_UNAVAILABLE,
        libvirt.VIR_ERR_UNKNOWN_HOST,
        libvirt.VIR_ERR_INVALID_CONN,
    }
    domain, code = error.get_error_domain(), error.get_error_code()
    return code in (libvirt.VIR_ERR_NO_CONNECT, libvirt.VIR_ERR_RPC, libvirt.VIR_ERR_INVALID_CONN) or (
        domain in lines and code in codes
    )


def is_missing(error: Any) -> bool:
    """Whether what was looked for does not exist."""
    libvirt = sdk()
    return error.get_error_code() in (
        libvirt.VIR_ERR_NO_DOMAIN,
        libvirt.VIR_ERR_NO_DOMAIN_METADATA,
        libvirt.VIR_ERR_NO_STORAGE_VOL,
        libvirt.VIR_ERR_NO_STORAGE_POOL,
        libvirt.VIR_ERR_NO_NETWORK,
    )
