"""Cinder's volume driver of the lab: keeps no data, and every call succeeds."""

from cinder.volume import driver


class FakeVolumeDriver(driver.VolumeDriver):
    VERSION = "1.0.0"

    def do_setup(self, context):
        pass

    def check_for_setup_error(self):
        pass

    def create_volume(self, volume):
        pass

    def delete_volume(self, volume):
        pass

    def extend_volume(self, volume, new_size):
        pass

    def create_snapshot(self, snapshot):
        pass

    def delete_snapshot(self, snapshot):
        pass

    def create_volume_from_snapshot(self, volume, snapshot):
        pass

    def create_cloned_volume(self, volume, src_vref):
        pass

    def clone_image(self, context, volume, image_location, image_meta, image_service):
        return {}, True  # claim a cheap clone: no image download

    def copy_image_to_volume(self, context, volume, image_service, image_id, disable_sparse=False):
        pass

    def copy_volume_to_image(self, context, volume, image_service, image_meta):
        pass

    def retype(self, context, volume, new_type, diff, host):
        return True

    def ensure_export(self, context, volume):
        pass

    def create_export(self, context, volume, connector):
        pass

    def remove_export(self, context, volume):
        pass

    def terminate_connection(self, volume, connector, **kw):
        pass

    def revert_to_snapshot(self, context, volume, snapshot):
        pass

    def update_migrated_volume(self, *a, **k):
        return {}

    def initialize_connection(self, volume, connector):
        return {
            "driver_volume_type": "fake",
            "data": {"target_lun": 1, "volume_id": volume["id"], "access_mode": "rw"},
        }

    def _update_volume_stats(self):
        self._stats = {
            "volume_backend_name": self.configuration.safe_get("volume_backend_name") or "fake",
            "vendor_name": "fake",
            "driver_version": self.VERSION,
            "storage_protocol": "fake",
            "pools": [
                {
                    "pool_name": "fakepool",
                    "total_capacity_gb": 100000,
                    "free_capacity_gb": 100000,
                    "allocated_capacity_gb": 0,
                    "provisioned_capacity_gb": 0,
                    "reserved_percentage": 0,
                    "max_over_subscription_ratio": 20.0,
                    "thin_provisioning_support": True,
                    "multiattach": True,
                    "QoS_support": False,
                }
            ],
        }
