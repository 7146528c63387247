"""The seed is an ISO labelled cidata whose files are YAML, whatever the values are."""

from io import BytesIO

import pycdlib
import yaml

from provisioning.drivers.libvirt.seed import seed_iso


def files(image):
    iso = pycdlib.PyCdlib()
    iso.open_fp(BytesIO(image))
    assert iso.pvd.volume_identifier.decode().strip() == "cidata"
    found = {}
    for name in ("meta-data", "user-data", "network-config"):
        content = BytesIO()
        iso.get_file_from_iso_fp(content, joliet_path=f"/{name}")
        found[name] = content.getvalue().decode()
    iso.close()
    return found


def test_hostname_keys_and_network_stand_in_it():
    keys, mac = ["ssh-ed25519 AAAA wang@fin"], "52:0a:0b:0c:0d:0e"
    made = files(seed_iso("cloudctl-7", "tax-db-1", "cloud", keys, mac))
    assert yaml.safe_load(made["meta-data"]) == {"instance-id": "cloudctl-7", "local-hostname": "tax-db-1"}
    assert made["user-data"].startswith("#cloud-config\n")
    login = yaml.safe_load(made["user-data"])["users"][0]
    assert login["name"] == "cloud" and login["ssh_authorized_keys"] == ["ssh-ed25519 AAAA wang@fin"]
    (port,) = yaml.safe_load(made["network-config"])["ethernets"].values()
    assert port["dhcp4"] is True and port["match"] == {"macaddress": mac}


def test_a_machine_without_a_port_is_told_of_none():
    made = files(seed_iso("cloudctl-7", "m", "cloud", [], None))
    assert yaml.safe_load(made["network-config"]) == {"version": 2, "ethernets": {}}


def test_a_hostile_key_stays_a_value():
    key = "ssh-rsa AAAA x\nruncmd: [reboot]\n"
    user = yaml.safe_load(files(seed_iso("cloudctl-7", "m", "cloud", [key], None))["user-data"])
    assert user["users"][0]["ssh_authorized_keys"] == [key] and "runcmd" not in user


def test_without_keys_nobody_is_let_in():
    user = yaml.safe_load(files(seed_iso("cloudctl-7", "m", "cloud", [], None))["user-data"])
    assert user["users"] == [] and user["ssh_pwauth"] is False
