"""Connections to hosts that go wrong: certificates, passwords, keys. One clear error each, other hosts unaffected."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from cloudctl.core.clock import DrivenClock
from cloudctl.core.errors import Unreachable
from cloudctl.core.quantity import Size
from provisioning.driver import open_driver
from provisioning.steps import create_step, delete_step
from tests.integration.labs.certificates import Authority
from tests.integration.labs.libvirt_lab import libvirt_lab, require_lab
from tests.integration.libvirt_site import SMALL, domains, site_of
from tests.ports import free_port

START = datetime(2026, 10, 1, tzinfo=UTC)
SIZE = Size(1, 64, {"ssd": 1})
# It lets libvirt write first, as an ssh does that must ask its server: else that fails before it hears why.
SSH = """#!/bin/sh
head -c 1 > /dev/null
echo "cloudctl@b: Permission denied (publickey)." >&2
exit 255
"""


class Lines:
    """Host a by its socket; host b by TLS, or by TCP with passwords of which it knows none."""

    def __init__(self, lab, folder):
        self.lab, self.folder = lab, folder
        self.ours, self.others = Authority(folder / "ours"), Authority(folder / "others")
        self.tls, self.tcp = free_port(), free_port()
        self.ours.server("b", "localhost")
        self.ours.server("late", "localhost", days=-1)
        self.ours.client("good")
        self.ours.client("expired", days=-1)
        self.others.client("stranger")
        files = "".join(
            f'{key} = "{self.ours.folder}/{name}"\n'
            for key, name in (("key_file", "server.key"), ("cert_file", "server.pem"), ("ca_file", "ca.pem"))
        )
        self.show("b")
        lab.hosts["b"].listen(
            self.tls,
            f'{files}auth_tls = "none"\ntls_no_sanity_certificate = 1\n'
            f'listen_tcp = 1\ntcp_port = "{self.tcp}"\nauth_tcp = "sasl"',
        )
        self.restart()

    def show(self, name):
        """The certificate with which b answers from its next start on."""
        for kind in ("key", "pem"):
            (self.ours.folder / f"server.{kind}").write_bytes(
                (self.ours.folder / f"{name}.{kind}").read_bytes()
            )

    def restart(self):
        self.lab.hosts["b"].die()
        self.lab.hosts["b"].come_back()

    def by_tls(self, name, pki):
        return f"qemu+tls://{name}:{self.tls}/system?pkipath={pki}"


@pytest.fixture(scope="module")
def lines(tmp_path_factory):
    require_lab("openssl")
    with libvirt_lab("ab") as lab:
        yield Lines(lab, tmp_path_factory.mktemp("lines"))


@pytest.fixture
def asked(lines, tmp_path):
    """What the pool's driver says of b by this address: the word of its fault, and why a step there fails."""
    lines.lab.clear()

    def ask(uri, **settings):
        facts = lines.lab.pool_facts(tmp_path, **settings)
        hosts = {**facts.hosts, "b": {**facts.hosts["b"], "uri": uri}}
        driver = open_driver("libvirt", replace(facts, hosts=hosts), DrivenClock(START))
        try:
            seen = driver.observe()
            assert [host.code for host in seen.hosts if host.is_up and host.code == "a"] == ["a"]
            try:
                driver.apply(create_step(1, "m", SIZE, host="b"))
            except Unreachable as reason:
                (fault,) = seen.faults
                return fault.reason, str(reason)
            driver.apply(delete_step(1, "m", SIZE, "b"))
            return "", ""
        finally:
            driver.close()

    return ask


def test_a_good_certificate_works(lines, asked, tmp_path):
    assert asked(lines.by_tls("localhost", lines.ours.pki(tmp_path / "pki", "good"))) == ("", "")


@pytest.mark.parametrize("fault", ["other authority", "other name", "expired", "stranger", "no certificate"])
def test_a_certificate_that_is_not_good_is_told_as_such(lines, asked, tmp_path, fault):
    pki, name = tmp_path / "pki", "localhost"
    if fault == "other authority":
        lines.ours.pki(pki, "good", trusted=lines.others)
    elif fault == "other name":
        lines.ours.pki(pki, "good")
        name = "127.0.0.1"
    elif fault == "expired":
        lines.ours.pki(pki, "expired")
    elif fault == "stranger":
        lines.others.pki(pki, "stranger", trusted=lines.ours)
    word, told = asked(lines.by_tls(name, pki))
    assert word == "tls_failed", told
    assert "Host b: no secure connection (TLS)" in told


def test_a_host_whose_own_certificate_has_run_out_is_told_as_such(lines, asked, tmp_path):
    pki = lines.ours.pki(tmp_path / "pki", "good")
    lines.show("late")
    lines.restart()
    try:
        word, told = asked(lines.by_tls("localhost", pki))
    finally:
        lines.show("b")
        lines.restart()
    assert (word, "no secure connection" in told) == ("tls_failed", True), told


def test_refused_credentials_are_told_as_such(lines, asked, tmp_path):
    login = tmp_path / "auth.conf"
    login.write_text(
        "[credentials-us]\nauthname=cloudctl\nusername=cloudctl\npassword=wrong\n"
        "[auth-libvirt-default]\ncredentials=us\n"
    )
    ssh = tmp_path / "ssh"
    ssh.write_text(SSH)
    ssh.chmod(0o755)
    for uri in (
        f"qemu+tcp://127.0.0.1:{lines.tcp}/system",
        f"qemu+tcp://127.0.0.1:{lines.tcp}/system?authfile={login}",
        f"qemu+ssh://cloudctl@127.0.0.1/system?command={ssh}",
    ):
        word, told = asked(uri)
        assert (word, "Host b refused the credentials" in told) == ("credentials_refused", True), (uri, told)


def test_the_command_ends_with_6_and_one_error_and_leaves_the_other_host_alone(lines, tmp_path, monkeypatch):
    lines.lab.clear()
    monkeypatch.setenv("CLOUDCTL_MACHINES_RETRIES", "0")
    site = site_of(lines.lab, tmp_path, power_off=True, stop_seconds=0.2)
    pki = lines.ours.pki(tmp_path / "pki", "good", trusted=lines.others)
    (host,) = [host for host in site.sections["hosts"] if host["code"] == "b"]
    host["uri"] = lines.by_tls("localhost", pki)
    site.apply({"name": "tax-1", **SMALL})
    assert domains(lines.lab) == {"a": [("tax-1", True)], "b": []}
    told = site.run("host", "probe", "gov/b", wanted=6)
    assert told.count("no secure connection (TLS)") == 1 and "Traceback" not in told, told
    refused = site.run("vm", "migrate", "tax-1", "--to", "b", "--yes", wanted=5)
    assert "b: the host is down" in refused
    site.run("vm", "reboot", "tax-1", "--yes")
    assert site.vm("tax-1")["power"] == "running" and site.drift() == []
