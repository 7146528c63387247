# Writes the configuration of every service below ETC, and clouds.yaml. Sourced by up.sh.
mkdir -p "$ETC"/{keystone,placement,glance,nova,neutron/plugins/ml2,cinder}
for compute in $COMPUTES; do mkdir -p "$DATA/nova-$compute"; done
cp "$VENV/etc/nova/api-paste.ini" "$ETC/nova/"
cp "$VENV/etc/neutron/api-paste.ini" "$ETC/neutron/"
cp "$VENV"/etc/cinder/{api-paste.ini,resource_filters.json} "$ETC/cinder/"
cp "$VENV/etc/glance/glance-api-paste.ini" "$ETC/glance/"

POOL_SIZE="max_pool_size = 8
max_overflow = 20"
CREDENTIALS="auth_type = password
auth_url = $AUTH
username = admin
password = $PASSWORD
project_name = admin
user_domain_id = default
project_domain_id = default
region_name = $REGION"
COMMON="[keystone_authtoken]
www_authenticate_uri = $AUTH
$CREDENTIALS
service_token_roles = service
service_token_roles_required = true
[service_user]
send_service_user_token = true
$CREDENTIALS
[oslo_concurrency]
lock_path = $DATA/lock
[oslo_messaging_rabbit]
heartbeat_timeout_threshold = 0
rabbit_quorum_queue = false
[oslo_policy]
enforce_new_defaults = true"

# With its cache off, every token costs Keystone a third of a second.
cat >"$ETC/keystone/keystone.conf" <<E
[DEFAULT]
transport_url = $QUEUE
notification_driver = noop
[database]
connection = $(database keystone)
$POOL_SIZE
[token]
provider = fernet
expiration = 86400
[fernet_tokens]
key_repository = $ETC/keystone/fernet-keys
[fernet_receipts]
key_repository = $ETC/keystone/fernet-keys
[credential]
key_repository = $ETC/keystone/credential-keys
[identity]
password_hash_rounds = 4
[cache]
enabled = true
backend = oslo_cache.dict
E
cat >"$ETC/placement/placement.conf" <<E
[api]
auth_strategy = keystone
[placement_database]
connection = $(database placement)
$POOL_SIZE
$COMMON
E
cat >"$ETC/glance/glance-api.conf" <<E
[DEFAULT]
enabled_backends = fs:file
bind_host = $HOST
bind_port = $GLANCE
enabled_import_methods = [glance-direct,web-download]
worker_self_reference_url = http://$HOST:$GLANCE
image_cache_dir = $DATA/glance/cache
[database]
connection = $(database glance)
$POOL_SIZE
[glance_store]
default_backend = fs
[fs]
filesystem_store_datadir = $DATA/glance/images
[os_glance_staging_store]
filesystem_store_datadir = $DATA/glance/staging
[os_glance_tasks_store]
filesystem_store_datadir = $DATA/glance/tasks
[paste_deploy]
flavor = keystone
config_file = $ETC/glance/glance-api-paste.ini
$COMMON
E
cat >"$ETC/nova/nova.conf" <<E
[DEFAULT]
transport_url = $QUEUE
rpc_response_timeout = 180
my_ip = $HOST
host = ctl
compute_driver = osfake.Driver
state_path = $DATA/nova
enabled_apis = osapi_compute
report_interval = 5
service_down_time = 120
update_resources_interval = 5
vif_plugging_is_fatal = false
vif_plugging_timeout = 0
allow_resize_to_same_host = true
resize_confirm_window = 0
osapi_compute_workers = 1
[api_database]
connection = $(database nova_api)
$POOL_SIZE
[database]
connection = $(database nova_cell1)
$POOL_SIZE
[placement]
$CREDENTIALS
[neutron]
$CREDENTIALS
[cinder]
catalog_info = block-storage::publicURL
$CREDENTIALS
[glance]
api_servers = http://$HOST:$GLANCE
[vnc]
enabled = true
novncproxy_base_url = http://127.0.0.1:6080/vnc_lite.html
[scheduler]
workers = 1
discover_hosts_in_cells_interval = -1
[conductor]
workers = 1
[compute]
live_migration_wait_for_vif_plug = false
[notifications]
notify_on_state_change = vm_and_task_state
[oslo_messaging_notifications]
driver = noop
$COMMON
E
# A compute that knows a database complains of it.
awk '/^\[/{skip=($0=="[database]"||$0=="[api_database]")} !skip' "$ETC/nova/nova.conf" > "$ETC/nova/nova-cpu.conf"
for compute in $COMPUTES; do
    printf '[DEFAULT]\nhost = %s\nstate_path = %s\n' "$compute" "$DATA/nova-$compute" >"$ETC/nova/compute-$compute.conf"
done
cat >"$ETC/neutron/neutron.conf" <<E
[DEFAULT]
transport_url = $QUEUE
rpc_response_timeout = 180
core_plugin = ml2
service_plugins = router
api_paste_config = $ETC/neutron/api-paste.ini
state_path = $DATA/neutron
dhcp_agent_notification = false
notify_nova_on_port_status_changes = true
notify_nova_on_port_data_changes = true
rpc_workers = 0
api_workers = 1
[database]
connection = $(database neutron)
$POOL_SIZE
[nova]
$CREDENTIALS
[placement]
$CREDENTIALS
[oslo_messaging_notifications]
driver = noop
$COMMON
E
cat >"$ETC/neutron/plugins/ml2/ml2_conf.ini" <<E
[ml2]
type_drivers = local,flat,vlan
tenant_network_types = local
mechanism_drivers = osfake
extension_drivers = port_security
[ml2_type_flat]
flat_networks = *
[ml2_type_vlan]
network_vlan_ranges = provider
[securitygroup]
enable_security_group = true
E
cat >"$ETC/cinder/cinder.conf" <<E
[DEFAULT]
transport_url = $QUEUE
rpc_response_timeout = 180
host = ctl
api_paste_config = $ETC/cinder/api-paste.ini
resource_query_filters_file = $ETC/cinder/resource_filters.json
state_path = $DATA/cinder
auth_strategy = keystone
enabled_backends = fake1
default_volume_type = fake
glance_api_servers = http://$HOST:$GLANCE
osapi_volume_workers = 1
backend_stats_polling_interval = 5
report_interval = 5
service_down_time = 120
[fake1]
volume_driver = osfakes.cinder_driver.FakeVolumeDriver
volume_backend_name = fake1
[database]
connection = $(database cinder)
$POOL_SIZE
[nova]
$CREDENTIALS
[oslo_messaging_notifications]
driver = noop
[coordination]
backend_url = file://$DATA/cinder
$COMMON
E
cat >"$BASE/clouds.yaml" <<E
clouds:
  fake:
    auth:
      auth_url: "$AUTH"
      username: admin
      password: $PASSWORD
      project_name: admin
      user_domain_id: default
      project_domain_id: default
    region_name: $REGION
    identity_api_version: 3
E
chmod 600 "$BASE/clouds.yaml"
lap "configuration"
