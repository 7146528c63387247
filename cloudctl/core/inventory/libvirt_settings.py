"""What a pool's entry may say to the libvirt driver alone; for what is left out the driver's own defaults hold."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from cloudctl.core.yaml_source import YamlModel, wrong

Times = Annotated[int, Field(ge=1, le=64)]
Seconds = Annotated[float, Field(gt=0, le=86_400, allow_inf_nan=False)]


def _text(text: str) -> str:
    if not text.strip() or len(text) > 2000 or not text.isprintable():
        raise wrong("Here one line of text is wanted, of 1 to 2000 characters.")
    return text


def _ssh_key(text: str) -> str:
    if not text.startswith(("ssh-", "ecdsa-", "sk-")) or len(text.split()) < 2 or not text.isprintable():
        raise wrong("This is no public SSH key: a kind, the key, and a comment on one line.")
    return text


Text = Annotated[str, AfterValidator(_text)]
SshKey = Annotated[str, AfterValidator(_ssh_key)]
DomainType = Literal["kvm", "qemu"]


class LibvirtSettings(YamlModel):
    """clone: how a machine gets its image. user: whom the pool's ssh_keys let in. headroom_*: how many times its size
    a machine may grow while it runs. shared_storage: all hosts see the same storage, so machines can move.
    power_off: what follows when a guest has not shut down in stop_seconds. kernel, initrd, cmdline: files on the
    hosts that QEMU boots itself, for machines without an image.
    """

    clone: Literal["overlay", "full"] | None = None
    user: Text | None = None
    headroom_vcpus: Times | None = None
    headroom_memory: Times | None = None
    shared_storage: bool | None = None
    power_off: bool | None = None
    stop_seconds: Seconds | None = None
    balloon_seconds: Seconds | None = None
    stats_seconds: Annotated[int, Field(ge=1, le=300)] | None = None
    answer_seconds: Seconds | None = None
    step_seconds: Seconds | None = None
    kernel: Text | None = None
    initrd: Text | None = None
    cmdline: Text | None = None
