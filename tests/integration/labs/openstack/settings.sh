# What every script of the lab agrees on. BASE: the lab's folder; COMPUTES: the names of its hosts.
BASE=${BASE:?the folder of the lab}
COMPUTES=${COMPUTES:-"a b"}
VENV=$BASE/venv RUN=$BASE/run ETC=$BASE/etc LOG=$BASE/log DATA=$BASE/data BIN=$BASE/venv/bin
HOST=127.0.0.1 REGION=RegionOne
# Throw-away, and reached from this machine alone.
PASSWORD=secret
KEYSTONE=15000 PLACEMENT=18778 GLANCE=19292 NOVA=18774 NEUTRON=19696 CINDER=18776
MARIADB=23306 RABBIT=25672 RABBIT_DIST=35672 EPMD=24369
AUTH=http://$HOST:$KEYSTONE/v3
QUEUE=rabbit://guest:guest@$HOST:$RABBIT/
NICE="nice -n 10"
export no_proxy=127.0.0.1,localhost NO_PROXY=127.0.0.1,localhost
# Without byte code every start of a process compiles OpenStack anew.
unset PYTHONDONTWRITEBYTECODE PYTHONUNBUFFERED || true

database() { echo "mysql+pymysql://ostack:$PASSWORD@$HOST:$MARIADB/$1?charset=utf8mb4"; }
sql() { mariadb --no-defaults -uroot --socket="$RUN/mysql.sock" "$@"; }

start() { # NAME COMMAND…: the process leads a session of its own, its number stands in RUN/NAME.pid
    local name=$1
    shift
    # shellcheck disable=SC2086
    setsid $NICE "$@" >>"$LOG/$name.log" 2>&1 </dev/null &
    echo $! >"$RUN/$name.pid"
}

wait_for() { # SECONDS WHAT COMMAND…
    local tries=$(($1 * 4)) what=$2
    shift 2
    until "$@" >/dev/null 2>&1; do
        tries=$((tries - 1))
        if [ $tries -le 0 ]; then
            echo "waited too long for $what; see $LOG" >&2
            exit 1
        fi
        sleep .25
    done
}

start_compute() { # NAME
    start "nova-compute-$1" "$BIN/nova-compute" --config-file "$ETC/nova/nova-cpu.conf" \
        --config-file "$ETC/nova/compute-$1.conf"
}
