"""The SDK is loaded when a pool on OpenStack is opened, not before; an install without it says so."""

import subprocess
import sys

HEAD = "import sys, pathlib; from provisioning.driver import PoolFacts, open_driver\n"
FACTS = "PoolFacts('os1', {'cloud': 'jz'}, {}, pathlib.Path('.'))"


def said(script):
    done = subprocess.run([sys.executable, "-c", HEAD + script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_nothing_loads_the_sdk_but_a_pool_on_openstack():
    assert said("import cloudctl.cli.main; print('openstack' in sys.modules)") == "False"
    assert (
        said(f"open_driver('openstack', {FACTS}, None).close(); print('openstack' in sys.modules)") == "True"
    )


def test_an_install_without_the_sdk_says_so_for_that_pool_alone():
    script = f"""
sys.modules['openstack'] = None
from cloudctl.core.errors import Refused
try:
    open_driver('openstack', {FACTS}, None)
except Refused as refusal:
    print(refusal)
"""
    assert "lacks openstacksdk" in said(script)
