"""What the tests of requests ask for, and what they look at afterwards."""

import json

WEB = "web,count=2,pool=lab,vcpus=4,memory-gib=8,storage=ssd:100"
NEW = ["--purpose", "Filing", "--load", "200 users", "--needed-by", "2026-12-01"]


def shown(call, number):
    return call("olga", "show", number, "-o", "json")


def machines(home, run_cli, *args):
    return json.loads(run_cli(home, "vm", "list", *args, "-o", "json", login="olga").stdout)
