#!/usr/bin/env bash
# Brings up a real OpenStack control plane on loopback, its computes, networks and volumes faked.
#
# keystone, placement, glance, nova, neutron and cinder from the package index (constraints.txt), MariaDB and
# RabbitMQ of the machine, all below BASE. Needs root. Prints READY; BASE/clouds.yaml then names the cloud "fake".
set -euo pipefail
HERE=$(cd "$(dirname "$0")" && pwd)
. "$HERE/settings.sh"
PYTHON=${PYTHON:-python3}
if compgen -G "$RUN/*.pid" >/dev/null; then
    echo "it is up, or was not stopped: down.sh first" >&2
    exit 1
fi
trap '[ $? = 0 ] || { echo "failed; stopping what was started, logs in $LOG" >&2; "$HERE/down.sh"; }' EXIT
lap() { echo "$SECONDS s: $*"; }

install_packages() {
    if [ ! -e "$BASE/installed" ]; then
        "$PYTHON" -m venv "$VENV"
        "$BIN/pip" install -q uv
        $NICE "$BIN/uv" pip install -q --no-config --python "$BIN/python" --compile-bytecode \
            -r "$HERE/requirements.txt" -c "$HERE/constraints.txt"
        touch "$BASE/installed"
    fi
    local site
    site=$("$BIN/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
    cp -r "$HERE/fakes/osfakes" "$site/"
    # Nova loads compute drivers from its own package alone.
    cp "$HERE/fakes/compute_driver.py" "$site/nova/virt/osfake.py"
    mkdir -p "$site/osfakes-1.0.dist-info"
    printf 'Metadata-Version: 2.1\nName: osfakes\nVersion: 1.0\n' >"$site/osfakes-1.0.dist-info/METADATA"
    printf '[neutron.ml2.mechanism_drivers]\nosfake = osfakes.ml2:FakeMech\n' >"$site/osfakes-1.0.dist-info/entry_points.txt"
}

mkdir -p "$BASE" "$RUN" "$LOG" "$DATA"/{rabbit,glance,lock,nova,cinder}
export UV_CACHE_DIR=$BASE/cache
install_packages
lap "packages"
. "$HERE/configure.sh"
. "$HERE/services.sh"
echo READY
