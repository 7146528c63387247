# Starts the services in the order in which they need each other, and makes their schemas once. Sourced by up.sh.
export OS_CLIENT_CONFIG_FILE=$BASE/clouds.yaml OS_CLOUD=fake
NOVA_CONF="--config-file $ETC/nova/nova.conf"
STARTED_AT=$(date +%s)

start_rabbit() { # its own node and its own epmd, which would listen everywhere unless told
    local folder=$DATA/rabbit
    start epmd env ERL_EPMD_ADDRESS=$HOST epmd -port $EPMD
    cat >"$folder/rabbitmq.conf" <<E
listeners.tcp.default = $HOST:$RABBIT
vm_memory_high_watermark.absolute = 512MB
disk_free_limit.absolute = 50MB
log.file = false
log.console = true
log.console.level = warning
E
    printf '[].' >"$folder/enabled_plugins"
    start rabbit env HOME="$folder" ERL_EPMD_PORT=$EPMD RABBITMQ_NODENAME=osfake@localhost \
        RABBITMQ_DIST_PORT=$RABBIT_DIST RABBITMQ_CONF_ENV_FILE=/dev/null \
        RABBITMQ_CONFIG_FILE="$folder/rabbitmq.conf" RABBITMQ_ENABLED_PLUGINS_FILE="$folder/enabled_plugins" \
        RABBITMQ_MNESIA_BASE="$folder" RABBITMQ_LOG_BASE="$folder" RABBITMQ_PID_FILE="$folder/pid" \
        RABBITMQ_GENERATED_CONFIG_DIR="$folder" \
        RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS="-kernel inet_dist_use_interface {127,0,0,1} -start_epmd false +sbwt none +sbwtdcpu none +sbwtdio none" \
        /usr/lib/rabbitmq/bin/rabbitmq-server
}

start_mariadb() { # durability is of no use here
    if [ ! -d "$DATA/mysql/mysql" ]; then
        mkdir -p "$DATA/mysql"
        mariadb-install-db --no-defaults --user=root --datadir="$DATA/mysql" \
            --auth-root-authentication-method=normal --skip-test-db >"$LOG/mariadb-install.log" 2>&1
    fi
    start mariadb mariadbd --no-defaults --user=root --datadir="$DATA/mysql" --socket="$RUN/mysql.sock" \
        --pid-file="$DATA/mysql/m.pid" --port=$MARIADB --bind-address=$HOST --skip-log-bin \
        --innodb-flush-log-at-trx-commit=0 --innodb-doublewrite=0 --innodb-buffer-pool-size=256M \
        --innodb-flush-method=nosync --max-connections=500 --character-set-server=utf8mb4 \
        --collation-server=utf8mb4_general_ci --skip-name-resolve --performance-schema=OFF
    wait_for 300 mariadb sql -e 'select 1'
}

api() { # NAME PORT MODULE THREADS [more]
    local name=$1 port=$2 module=$3 threads=$4
    shift 4
    start "$name" env OS_KEYSTONE_CONFIG_DIR="$ETC/keystone" OS_PLACEMENT_CONFIG_DIR="$ETC/placement" \
        OS_GLANCE_CONFIG_DIR="$ETC/glance" OS_NOVA_CONFIG_DIR="$ETC/nova" OS_NEUTRON_CONFIG_DIR="$ETC/neutron" \
        "$BIN/uwsgi" --http-socket "$HOST:$port" --module "$module" --callable application --processes 1 \
        --threads "$threads" --enable-threads --lazy-apps --need-app --die-on-term --buffer-size 65535 \
        --disable-logging --socket-timeout 60 --add-header "Connection: close" --virtualenv "$VENV" "$@"
}

start_keystone() {
    api keystone $KEYSTONE keystone.wsgi.api 6
    wait_for 300 keystone curl -sf $AUTH
}

make_identity_schema() {
    local manage="$NICE $BIN/keystone-manage --config-file $ETC/keystone/keystone.conf"
    mkdir -p "$ETC"/keystone/{fernet,credential}-keys
    chmod 700 "$ETC"/keystone/*-keys
    $manage fernet_setup --keystone-user root --keystone-group root
    $manage credential_setup --keystone-user root --keystone-group root
    $manage db_sync
    $manage bootstrap --bootstrap-username admin --bootstrap-password $PASSWORD --bootstrap-project-name admin \
        --bootstrap-role-name admin --bootstrap-service-name keystone --bootstrap-region-id $REGION \
        --bootstrap-admin-url $AUTH --bootstrap-public-url $AUTH --bootstrap-internal-url $AUTH
    start_keystone
    $NICE "$BIN/python" "$HERE/prepare.py" catalogue $REGION placement=http://$HOST:$PLACEMENT \
        image=http://$HOST:$GLANCE compute=http://$HOST:$NOVA/v2.1 network=http://$HOST:$NEUTRON \
        block-storage=http://$HOST:$CINDER/v3
    $NICE "$BIN/placement-manage" --config-file "$ETC/placement/placement.conf" db sync
    $NICE "$BIN/glance-manage" --config-file "$ETC/glance/glance-api.conf" db_sync
}

make_compute_schema() {
    local manage="$NICE $BIN/nova-manage $NOVA_CONF"
    $manage api_db sync
    $manage cell_v2 map_cell0 --database_connection "$(database nova_cell0)"
    $manage db sync
    $manage cell_v2 create_cell --name cell1 --database_connection "$(database nova_cell1)" --transport-url "$QUEUE"
}

make_other_schemas() {
    $NICE "$BIN/neutron-db-manage" --config-file "$ETC/neutron/neutron.conf" \
        --config-file "$ETC/neutron/plugins/ml2/ml2_conf.ini" upgrade heads
    $NICE "$BIN/cinder-manage" --config-file "$ETC/cinder/cinder.conf" db sync
}

make_schemas() {
    for name in keystone placement glance nova_api nova_cell0 nova_cell1 neutron cinder; do
        echo "CREATE DATABASE $name CHARACTER SET utf8;"
    done | sql
    echo "CREATE USER ostack@'$HOST' IDENTIFIED BY '$PASSWORD'; GRANT ALL ON *.* TO ostack@'$HOST';" | sql
    local jobs=() job
    for job in identity_schema compute_schema other_schemas; do
        (set -e; "make_$job") >"$LOG/$job.log" 2>&1 &
        jobs+=($!)
    done
    for job in "${jobs[@]}"; do
        wait "$job" || { tail -n 5 "$LOG"/*_schema*.log >&2; exit 1; }
    done
}

conductor_is_up() {
    local since="select count(*) from nova_cell1.services where topic = 'conductor'
        and coalesce(updated_at, created_at) >= from_unixtime($STARTED_AT)"
    [ "$(sql -N -e "set time_zone = '+00:00'; $since")" -ge 1 ]
}

answers() { curl -s -o /dev/null -w '%{http_code}' "http://$HOST:$1/" | grep -qE '200|300'; }

IS_FRESH=false
[ -d "$DATA/mysql/mysql" ] || IS_FRESH=true
start_rabbit
start_mariadb
if $IS_FRESH; then make_schemas; else start_keystone; fi
wait_for 300 RabbitMQ bash -c "exec 3<>/dev/tcp/$HOST/$RABBIT"
lap "schemas"
# Not before the catalogue names Placement: the conductor would take it for disabled as long as it lives.
api placement $PLACEMENT placement.wsgi.api 6
# shellcheck disable=SC2086
start nova-conductor "$BIN/nova-conductor" $NOVA_CONF
# shellcheck disable=SC2086
start nova-scheduler "$BIN/nova-scheduler" $NOVA_CONF
api nova-api $NOVA nova.wsgi.osapi_compute 8
api glance $GLANCE glance.wsgi.api 4
api neutron $NEUTRON neutron.wsgi.api 6
api cinder-api $CINDER cinder.wsgi.api 4 --pyargv "--config-file $ETC/cinder/cinder.conf"
start cinder-scheduler "$BIN/cinder-scheduler" --config-file "$ETC/cinder/cinder.conf"
start cinder-volume "$BIN/cinder-volume" --config-file "$ETC/cinder/cinder.conf"
# A compute waits for its conductor in steps of ten seconds, so it starts once there is one.
wait_for 300 nova-conductor conductor_is_up
for compute in $COMPUTES; do start_compute "$compute"; done
for port in $PLACEMENT $GLANCE $NOVA $NEUTRON $CINDER; do wait_for 300 "port $port" answers "$port"; done
lap "services"
# shellcheck disable=SC2086
$NICE "$BIN/python" "$HERE/prepare.py" reported $COMPUTES
# shellcheck disable=SC2086
if $IS_FRESH; then $NICE "$BIN/nova-manage" $NOVA_CONF cell_v2 discover_hosts >"$LOG/discover.log" 2>&1; fi
# shellcheck disable=SC2086
$NICE "$BIN/python" "$HERE/prepare.py" hypervisors $COMPUTES
if $IS_FRESH; then $NICE "$BIN/python" "$HERE/prepare.py" estate; fi
for file in "$RUN"/*.pid; do
    kill -0 "$(cat "$file")" || { echo "$(basename "$file" .pid) died; see $LOG" >&2; exit 1; }
done
lap "hosts"
