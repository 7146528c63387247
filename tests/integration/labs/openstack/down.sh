#!/usr/bin/env bash
# Stops the lab below BASE, by the numbers of its processes; --wipe also removes its state, not its packages.
HERE=$(cd "$(dirname "$0")" && pwd)
. "$HERE/settings.sh"
shopt -s nullglob

gone() { ! kill -0 -- "-$(cat "$1")" 2>/dev/null; }

stop() { # PIDFILE…: asked, waited for, then killed
    local file
    for file in "$@"; do [ ! -f "$file" ] || kill -TERM -- "-$(cat "$file")" 2>/dev/null; done
    for _ in $(seq 40); do
        local left=0
        for file in "$@"; do [ ! -f "$file" ] || gone "$file" || left=1; done
        [ $left = 0 ] && break
        sleep .25
    done
    for file in "$@"; do
        [ -f "$file" ] || continue
        gone "$file" || kill -KILL -- "-$(cat "$file")" 2>/dev/null
        rm -f "$file"
    done
}

services=()
for file in "$RUN"/*.pid; do
    case $(basename "$file" .pid) in
    mariadb | rabbit | epmd) ;;
    *) services+=("$file") ;;
    esac
done
stop "${services[@]}"
stop "$RUN/rabbit.pid" "$RUN/mariadb.pid"
stop "$RUN/epmd.pid"
if [ "${1:-}" = --wipe ]; then rm -rf "$RUN" "$ETC" "$LOG" "$DATA"; fi
echo DOWN
