"""What a pool's entry comes to, and where a machine's disks lie."""

import base64
import json

from cloudctl.core.inventory.model import Pool
from provisioning.drivers.openstack.keys import user_data
from provisioning.drivers.openstack.marks import Mark, labels_of, vm_id_of
from provisioning.drivers.openstack.settings import Settings

OPTIONS = {
    "tiers": {"ssd": "fast", "sata": "slow", "local": "flavor"},
    "flavors": [{"name": "s1", "vcpus": 2, "memory_mib": 4096}],
    "ssh_keys": ["ssh-ed25519 A one"],
    "openstack": {"project_prefix": "gov-", "security_groups": ["web"], "deadline_s": 30},
}


def test_options_are_read_and_the_rest_keeps_its_defaults():
    settings = Settings.of(OPTIONS)
    assert (settings.project_prefix, settings.security_groups, settings.deadline_s) == ("gov-", ("web",), 30)
    assert settings.flavors == {(2, 4096): "s1"} and settings.keeps_quotas and not settings.strict_apart


def test_a_tier_is_its_volume_type_both_ways():
    settings = Settings.of(OPTIONS)
    assert settings.volume_type("ssd") == "fast" and settings.tier_of("slow") == "sata"
    assert settings.tier_of("strange") == "strange"
    assert settings.is_local("local") and settings.local_tier == "local"


def test_the_system_disk_lies_on_the_boot_tier_or_on_the_first_there_is():
    named = Settings.of({**OPTIONS, "boot_tier": "ssd"})
    assert named.boot_tier_of({"sata": 5, "ssd": 5}) == "ssd"
    assert named.boot_tier_of({"sata": 5, "nvme": 5}) == "nvme"
    assert named.boot_tier_of({}) is None


def test_what_the_inventory_takes_the_driver_reads():
    pool = Pool(
        code="os1", name="Cloud", driver="openstack", cloud="jz", **{"openstack": {"floating": "outside"}}
    )
    assert Settings.of(pool.model_dump(exclude_none=True)).floating == "outside"


def test_a_mark_is_written_and_read_back():
    mark = Mark("os1", 7)
    document = {"metadata": {**mark.metadata({"system": "tax", "unit": None}), "title": "Tax"}}
    assert vm_id_of(document, "os1") == 7 and vm_id_of(document, "os2") is None
    assert mark.is_on(document) and not Mark("os1", 8).is_on(document)
    assert labels_of(document, "fin") == {"project": "fin", "title": "Tax", "system": "tax"}


def test_a_hostile_comment_of_a_key_stays_a_comment():
    keys = ["ssh-ed25519 A one", 'ssh-ed25519 B "]\nruncmd: [reboot] #']
    text = base64.b64decode(user_data(keys)).decode()
    assert text.startswith("#cloud-config\n") and len(text.splitlines()) == 2
    assert json.loads(text.splitlines()[1]) == {"ssh_authorized_keys": keys}
    assert user_data(keys[:1]) is None
