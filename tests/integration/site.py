"""A site on one real cloud, driven with the installed command; and the walks that every cloud is taken through."""

import json
import subprocess
import sys
from pathlib import Path

UNITS = [{"code": "fin", "name": "Finance"}, {"code": "hr", "name": "Personnel"}]
PEOPLE = [
    {"login": "zhao", "name": "Zhao", "unit": "fin", "roles": ["unit"]},
    {"login": "jin", "name": "Jin", "roles": ["operator"]},
    {"login": "lei", "name": "Lei", "roles": ["approver"]},
]
SYSTEMS = [{"code": "tax", "name": "Tax", "unit": "fin"}, {"code": "jobs", "name": "Jobs", "unit": "hr"}]


class Site:
    """A home with an inventory of one pool. sections: what else the inventory says, such as hosts and images."""

    def __init__(self, folder: Path, pool, **sections) -> None:
        self.home, self.file = folder / "home", folder / "inventory.yaml"
        self.pool, self.sections = pool, sections
        self.run("init")

    def another(self, folder: Path) -> "Site":
        """The same clouds under a new, empty ledger."""
        return Site(folder, self.pool, **self.sections)

    def run(self, *arguments, wanted=0, who=None):
        """The command's output; what it said on stderr too where a failure is wanted."""
        command = [str(Path(sys.executable).with_name("cloudctl")), "--home", str(self.home), "--lang", "en"]
        command += ["--as", who] if who else []
        done = subprocess.run(
            [*command, *map(str, arguments)], capture_output=True, text=True, timeout=900, check=False
        )
        assert done.returncode == wanted, f"{arguments}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout + (done.stderr if wanted else "")

    def json(self, *arguments):
        return json.loads(self.run(*arguments, "-o", "json"))

    def apply(self, *vms, images=None, **settings):
        """Applies the inventory with these machines, the driver's settings changed by `settings`."""
        driver = self.pool["driver"]
        changed = {driver: {**self.pool[driver], **settings}} if settings else {}
        document = {
            "version": 1,
            "units": UNITS,
            "people": PEOPLE,
            "systems": SYSTEMS,
            "pools": [{**self.pool, **changed}],
            **self.sections,
            **({} if images is None else {"images": images}),
            "vms": [{"system": "tax", "pool": self.pool["code"], **vm} for vm in vms],
        }
        # JSON is YAML.
        self.file.write_text(json.dumps(document))
        return self.run("inventory", "apply", self.file, "--yes", "--force")

    def vm(self, name):
        return self.json("vm", "show", name)

    def drift(self):
        return self.json("inventory", "drift")


def asked_and_granted_less(site, machine):
    """Two asked for, one granted and made; nobody decides who may not. Its name. machine: options of the wish."""
    words = ["--system", "tax", "--purpose", "Filing", "--load", "200 users", "--needed-by", "2099-12-01"]
    wish = f"tax-web,count=2,pool={site.pool['code']},{machine}"
    site.run("request", "submit", "new", *words, "--machine", wish, "--yes", who="zhao")
    site.run("request", "check", 1, "--yes", who="jin")
    grant = ["--grant", "tax-web,count=1", "--reason", "One will do", "--yes"]
    site.run("request", "approve", 1, *grant, wanted=5, who="jin")
    site.run("request", "approve", 1, *grant, who="lei")
    site.run("request", "execute", 1, "--yes", who="jin")
    (made,) = site.json("vm", "list")
    assert site.drift() == []
    return made["vm"]


def lost_and_rebuilt(site, folder, name):
    """The ledger is lost: what our metadata says of the machine brings it back under its old id. The new site."""
    second = site.another(folder)
    second.apply()
    assert [row["kind"] for row in second.drift()] == ["not_allocated"]
    second.run("vm", "adopt", "--rebuild", "--yes")
    assert second.vm(name)["system"] == "tax" and second.drift() == []
    assert_export_plans_to_nothing(second)
    return second


def assert_export_plans_to_nothing(site):
    site.file.write_text(site.run("inventory", "export"))
    site.run("inventory", "plan", site.file, "--check")
