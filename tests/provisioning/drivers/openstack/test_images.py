"""Images: found in the cloud, else uploaded from the pool's folder: once, whole, and the one that was meant."""

import hashlib
from concurrent.futures import ThreadPoolExecutor
from itertools import count

import pytest

from cloudctl.core.errors import Refused, Unreachable
from provisioning.driver import PoolFacts
from provisioning.drivers.openstack import images as module
from provisioning.drivers.openstack.failures import Lost, Rejected
from provisioning.drivers.openstack.image_files import checked_file, format_of
from provisioning.drivers.openstack.images import WHOLE, Images

CONTENT = b"\0" * 5000
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class Glance:
    """As far as the driver asks it; cuts: how many uploads it loses half-way."""

    def __init__(self, *images):
        self.images = {image["id"]: {"tags": [], "created_at": "1", **image} for image in images}
        self.numbers, self.cuts, self.sent, self.answers_lost = count(1), 0, 0, 0
        self.read = 0

    def get(self, path, **asked):
        tag = asked.pop("tag", None)
        return {
            "images": [
                image
                for image in self.images.values()
                if all(image[key] == value for key, value in asked.items())
                and (tag is None or tag in image["tags"])
            ]
        }

    def find(self, path):
        return self.images.get(path.split("/")[2])

    def post(self, path, body):
        number = f"made-{next(self.numbers)}"
        self.images[number] = {**body, "id": number, "status": "queued", "size": None, "created_at": "2"}
        if self.answers_lost:
            self.answers_lost -= 1
            raise Lost("Pool {pool} does not answer: {reason}", pool="rec", reason="gone")
        return self.images[number]

    def send(self, path, file):
        self.sent += 1
        image = self.images[path.split("/")[2]]
        if self.cuts:
            self.cuts -= 1
            raise Unreachable("Pool {pool} does not answer: {reason}", pool="rec", reason="cut")
        content = file.read_bytes()
        image |= {"status": "active", "size": len(content), "os_hash_algo": "sha512"}
        image["os_hash_value"] = hashlib.sha512(content).hexdigest()

    def received(self, path):
        self.read += 1
        content = self.images[path.split("/")[2]].get("content", CONTENT)
        yield content[:2000]
        yield content[2000:]

    def patch(self, path, kind, changes):
        (change,) = changes
        self.images[path.split("/")[2]][change["path"].removeprefix("/")] = change["value"]

    def put(self, path):
        _, _, number, _, tag = path.split("/")
        self.images[number]["tags"].append(tag)

    def delete(self, path):
        self.images.pop(path.split("/")[2], None)


class Cloud:
    def __init__(self, glance):
        self.images = glance


@pytest.fixture(autouse=True)
def never_waits(monkeypatch, pauses):
    monkeypatch.setattr(module, "pause", pauses.append)


@pytest.fixture
def catalogue(tmp_path):
    """catalogue(glance, sha256=…): with a file disk.img in the pool's folder."""
    (tmp_path / "disk.img").write_bytes(CONTENT)

    def of(glance, **options):
        known = {"debian12": {"source": "disk.img", "sha256": SHA256, **options}}
        return Images(Cloud(glance), PoolFacts("rec", {}, {}, tmp_path, known), 10)

    return of


def named(number, **more):
    return {"id": number, "name": "disk.img", "status": "active", "size": len(CONTENT), **more}


def test_an_image_the_cloud_lacks_is_uploaded_once_with_its_sum(catalogue):
    glance = Glance()
    images = catalogue(glance)
    assert images.id_for("debian12") == images.id_for(None) == "made-1"
    assert catalogue(glance).id_for("debian12") == "made-1", "another process finds it"
    (made,) = glance.images.values()
    assert (made["name"], made["sha256"], made["disk_format"]) == ("disk.img", SHA256, "raw")
    assert made["min_disk"] == 1 and made["visibility"] == "public" and WHOLE in made["tags"]
    assert glance.sent == 1


def test_threads_that_want_it_at_once_upload_it_once(catalogue):
    glance = Glance()
    images = catalogue(glance)
    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(images.id_for, ["debian12"] * 8)) == {"made-1"}
    assert glance.sent == 1


def test_an_upload_that_was_cut_off_is_found_and_begun_anew(catalogue):
    glance = Glance()
    glance.cuts = 1
    with pytest.raises(Unreachable):
        catalogue(glance).id_for("debian12")
    assert catalogue(glance).id_for("debian12") == "made-1"
    assert len(glance.images) == 1 and glance.sent == 2


def test_what_arrived_short_is_no_image_and_is_thrown_away(catalogue):
    glance = Glance()
    with pytest.raises(Unreachable):
        glance.cuts = 1
        catalogue(glance).id_for("debian12")
    glance.images["made-1"] |= {"status": "active", "size": 7}
    with pytest.raises(Unreachable, match="cut off"):
        catalogue(glance).id_for("debian12")
    assert catalogue(glance).id_for("debian12") == "made-2" and list(glance.images) == ["made-2"]


def test_an_upload_of_another_process_is_waited_for(catalogue, monkeypatch):
    glance = Glance()
    glance.cuts = 1
    with pytest.raises(Unreachable):
        catalogue(glance).id_for("debian12")
    glance.images["made-1"]["status"] = "saving"
    looks = count(1)
    found = glance.find

    def find(path):
        if next(looks) == 3:
            whole = {"status": "active", "size": len(CONTENT)}
            glance.images["made-1"] |= whole
        return found(path)

    monkeypatch.setattr(glance, "find", find)
    assert catalogue(glance).id_for("debian12") == "made-1" and glance.sent == 1


def test_a_record_whose_answer_was_lost_is_taken_and_not_made_twice(catalogue):
    glance = Glance()
    glance.answers_lost = 1
    assert catalogue(glance).id_for("debian12") == "made-1"
    assert len(glance.images) == 1


def test_of_two_that_began_at_once_the_oldest_stays(catalogue, monkeypatch):
    glance = Glance()
    post = glance.post

    def twice(path, body):
        post(path, body)
        return post(path, body)

    monkeypatch.setattr(glance, "post", twice)
    assert catalogue(glance).id_for("debian12") == "made-1" and list(glance.images) == ["made-1"]


def test_an_upload_that_the_cloud_refuses_leaves_nothing(catalogue, monkeypatch):
    glance = Glance()

    def refuse(path, file):
        raise Rejected("rec", 413, "Image storage quota exceeded")

    monkeypatch.setattr(glance, "send", refuse)
    with pytest.raises(Refused, match="quota"):
        catalogue(glance).id_for("debian12")
    assert glance.images == {}


def test_a_file_that_is_another_is_refused_before_anything_is_made(catalogue):
    glance = Glance()
    with pytest.raises(Refused, match="SHA-256"):
        catalogue(glance, sha256="0" * 64).id_for("debian12")
    assert glance.images == {}


def test_neither_image_nor_file_is_refused_with_both_places(catalogue, tmp_path):
    with pytest.raises(Refused) as refusal:
        catalogue(Glance(), source="nowhere.img").id_for("debian12")
    assert "nowhere.img" in str(refusal.value) and str(tmp_path) in str(refusal.value)


def test_a_file_that_cannot_be_read_is_refused(catalogue, tmp_path):
    (tmp_path / "folder").mkdir()
    with pytest.raises(Refused, match="cannot be read"):
        catalogue(Glance(), source="folder").id_for("debian12")


def test_the_clouds_own_image_is_taken_by_name_and_by_id(catalogue):
    glance = Glance(named("g1"))
    assert catalogue(glance).id_for("debian12") == "g1"
    assert catalogue(glance, source="g1").id_for("debian12") == "g1" and glance.sent == 0


def test_an_image_of_unknown_sum_is_read_once_and_its_sum_kept(catalogue):
    glance = Glance(named("g1", os_hash_algo="sha512", os_hash_value="f" * 128))
    assert catalogue(glance).id_for("debian12") == catalogue(glance).id_for("debian12") == "g1"
    assert (glance.images["g1"]["sha256"], glance.read) == (SHA256, 1)


def test_an_image_of_unknown_sum_that_is_another_is_refused_with_both(catalogue, tmp_path):
    (tmp_path / "disk.img").unlink()
    other = b"\1" * len(CONTENT)
    with pytest.raises(Refused, match="is another") as refusal:
        catalogue(Glance(named("g1", content=other))).id_for("debian12")
    assert hashlib.sha256(other).hexdigest() in str(refusal.value) and SHA256 in str(refusal.value)


def test_an_image_that_does_not_come_whole_is_uncertain(catalogue):
    glance = Glance(named("g1", content=CONTENT[:-1]))
    with pytest.raises(Unreachable, match="whole"):
        catalogue(glance).id_for("debian12")
    assert "sha256" not in glance.images["g1"]


def test_where_no_sum_is_pinned_nothing_is_read(catalogue):
    glance = Glance(named("g1"))
    assert catalogue(glance, sha256=None).id_for("debian12") == "g1" and glance.read == 0


def test_of_two_of_one_name_the_one_with_the_right_sum_is_taken(catalogue):
    glance = Glance(named("old", sha256="0" * 64), named("new", sha256=SHA256), named("unknown"))
    assert catalogue(glance).id_for("debian12") == "new"


def test_two_that_nothing_tells_apart_are_refused(catalogue):
    with pytest.raises(Refused, match="2 active images"):
        catalogue(Glance(named("g1"), named("g2"))).id_for("debian12")


def test_an_image_whose_sum_differs_is_refused_where_no_file_can_replace_it(catalogue, tmp_path):
    glance = Glance(named("g1", os_hash_algo="sha256", os_hash_value="0" * 64))
    assert catalogue(glance).id_for("debian12") == "made-1", "the file is the one that was meant"
    (tmp_path / "disk.img").unlink()
    glance.images.pop("made-1")
    with pytest.raises(Refused, match="is another") as refusal:
        catalogue(glance).id_for("debian12")
    assert SHA256 in str(refusal.value) and "0" * 64 in str(refusal.value)


@pytest.mark.parametrize(
    ("head", "known"),
    [
        (b"QFI\xfb\0\0\0\3", "qcow2"),
        (b"KDMV", "vmdk"),
        (b"vhdxfile", "vhdx"),
        (b"conectix", "vhd"),
        (b"\0" * 64 + b"\x7f\x10\xda\xbe", "vdi"),
        (b"\0" * 0x8001 + b"CD001", "iso"),
        (b"", "raw"),
    ],
)
def test_a_format_is_told_by_its_content(head, known):
    assert format_of(head) == known


def test_a_qcow2_needs_the_disk_it_holds_not_the_room_it_takes(tmp_path):
    head = b"QFI\xfb" + (3).to_bytes(4, "big") + bytes(16) + (5 * 2**30 + 1).to_bytes(8, "big")
    (tmp_path / "disk.qcow2").write_bytes(head)
    file = checked_file("debian12", "disk.qcow2", None, tmp_path)
    assert (file.disk_format, file.min_disk_gib, file.length) == ("qcow2", 6, 32)
