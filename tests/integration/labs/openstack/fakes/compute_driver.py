"""Nova's fake compute driver, grown to what a test bed needs; it must lie in nova.virt, where Nova looks for drivers.

Added: instances that survive a restart of the compute, clean-up of the source after a live migration (else a later
evacuation back fails), snapshots that become active, and diagnostics that grow with time. The moment in which
an evacuated server has no task any more and its old host still lasts longer than any pause between two looks.
"""

import hashlib
import io
import json
import os
import threading
import time
from pathlib import Path

import nova.conf
from nova.compute import power_state, resource_tracker
from nova.image import glance
from nova.virt import fake

CONF = nova.conf.CONF
MOMENT_SECONDS = 2
_finish_evacuation = resource_tracker.ResourceTracker.finish_evacuation


def finish_evacuation(*arguments):
    time.sleep(MOMENT_SECONDS)
    return _finish_evacuation(*arguments)


resource_tracker.ResourceTracker.finish_evacuation = finish_evacuation


class Driver(fake.FakeDriverWithoutFakeNodes):
    vcpus = 64
    memory_mb = 262144
    local_gb = 8000

    def __init__(self, virtapi, read_only=False):
        super().__init__(virtapi, read_only)
        self._lock = threading.RLock()
        # uuid -> [start of its process, vCPUs, MiB, GiB]
        self._booted = {}

    def _file(self):
        return Path(CONF.state_path, "osfake.json")

    def init_host(self, host):
        super().init_host(host)
        kept = json.loads(self._file().read_text()) if self._file().exists() else {}
        for uuid, (name, state, booted) in kept.items():
            self.instances[uuid] = fake.FakeInstance(name, state, uuid)
            self._booted[uuid] = booted
            self.resources.claim(vcpus=booted[1], mem=booted[2], disk=booted[3])

    def _save(self):
        with self._lock:
            kept = {
                uuid: [instance.name, instance.state, self._booted.get(uuid) or [time.time(), 1, 0, 0]]
                for uuid, instance in list(self.instances.items())
            }
            fresh = self._file().with_suffix(".new")
            fresh.write_text(json.dumps(kept))
            os.replace(fresh, self._file())  # noqa: PTH105

    def _start_counters(self, instance):
        flavor = instance.flavor
        self._booted[instance.uuid] = [time.time(), flavor.vcpus, flavor.memory_mb, flavor.root_gb]
        self._save()

    def spawn(self, context, instance, *args, **options):
        super().spawn(context, instance, *args, **options)
        self._start_counters(instance)

    def destroy(self, context, instance, *args, **options):
        super().destroy(context, instance, *args, **options)
        self._save()

    def reboot(self, context, instance, *args, **options):
        super().reboot(context, instance, *args, **options)
        self._start_counters(instance)

    def power_off(self, instance, *args, **options):
        super().power_off(instance, *args, **options)
        self._save()

    def power_on(self, context, instance, *args, **options):
        super().power_on(context, instance, *args, **options)
        self._start_counters(instance)

    def finish_migration(self, context, migration, instance, *args, **options):
        super().finish_migration(context, migration, instance, *args, **options)
        self._start_counters(instance)

    def finish_revert_migration(self, context, instance, *args, **options):
        super().finish_revert_migration(context, instance, *args, **options)
        self._start_counters(instance)

    def _set_state(self, instance, state):
        if instance.uuid in self.instances:
            self.instances[instance.uuid].state = state
            self._save()

    def pause(self, instance):
        self._set_state(instance, power_state.PAUSED)

    def unpause(self, instance):
        self._set_state(instance, power_state.RUNNING)

    def suspend(self, context, instance):
        self._set_state(instance, power_state.SHUTDOWN)

    def resume(self, context, instance, *args, **options):
        self._set_state(instance, power_state.RUNNING)

    def migrate_disk_and_power_off(self, context, instance, *args, **options):
        self._set_state(instance, power_state.SHUTDOWN)

    def post_live_migration(self, context, instance, block_device_info, migrate_data=None):
        self.destroy(context, instance, None, block_device_info)

    def snapshot(self, context, instance, image_id, update_task_state):
        super().snapshot(context, instance, image_id, update_task_state)
        told = {"status": "active", "disk_format": "raw", "container_format": "bare"}
        glance.API().update(context, image_id, told, io.BytesIO(b"\0" * 4096))

    def get_host_uptime(self):
        return " 12:00:00 up 1 day, 0:00, 0 users, load average: 0.10, 0.10, 0.10"

    def get_diagnostics(self, instance):
        """As the libvirt driver gives them: nanoseconds, bytes, KiB; a fixed load per server."""
        booted, vcpus, memory_mib, _ = self._booted.get(instance.uuid) or [time.time(), 1, 0, 0]
        is_running = self.instances[instance.uuid].state == power_state.RUNNING
        seconds = max(0.0, time.time() - booted) if is_running else 0.0
        percent = 5 + int(hashlib.sha256(instance.uuid.encode()).hexdigest(), 16) % 60
        figures = {
            "memory": memory_mib * 1024,
            "memory-actual": memory_mib * 1024,
            "memory-available": memory_mib * 1000,
            "memory-usable": memory_mib * 400,
            "memory-unused": memory_mib * 300,
            "memory-rss": memory_mib * 700,
            "memory-last_update": int(time.time()),
            "vda_read": int(seconds * 65536),
            "vda_write": int(seconds * 131072),
            "vda_errors": -1,
            "vnet1_rx": int(seconds * 10000),
            "vnet1_rx_errors": 0,
            "vnet1_tx": int(seconds * 5000),
            "vnet1_tx_errors": 0,
        }
        return figures | {f"cpu{number}_time": int(seconds * percent * 1e7) for number in range(vcpus)}
