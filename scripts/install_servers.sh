#!/usr/bin/env bash
# Installs the real servers and the browser that the tests use, where they are missing (Debian, Ubuntu).
# It says what it will install, uses sudo when it is not root, and leaves no service started or enabled.
set -euo pipefail

PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin"
export DEBIAN_FRONTEND=noninteractive

# What is looked for, and the package that brings it.
missing_packages() {
    command -v mosquitto >/dev/null || echo mosquitto
    command -v curl >/dev/null || echo curl
    command -v mosquitto_pub >/dev/null || echo mosquitto-clients
    command -v influxd >/dev/null || echo influxdb
    command -v victoria-metrics >/dev/null || echo victoria-metrics
    compgen -G '/usr/lib/postgresql/*/bin/postgres' >/dev/null || command -v postgres >/dev/null || echo postgresql
    command -v chromium >/dev/null || echo chromium
    grep -q 'libatomic\.so\.1 ' <<<"$(ldconfig -p)" || echo libatomic1  # for the Node.js inside Playwright
    [ -n "$(command -v fc-list)" ] && [ -n "$(fc-list :lang=zh)" ] || echo fonts-noto-cjk
}

fail() {
    echo "install_servers: $*" >&2
    exit 1
}

mapfile -t packages < <(missing_packages)
[ ${#packages[@]} -gt 0 ] || exit 0

command -v apt-get >/dev/null ||
    fail "the tests need ${packages[*]} (Debian's package names); install them with this system's package manager"
sudo=()
if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || fail "neither root nor sudo: as root, run apt-get install ${packages[*]}"
    sudo=(sudo)
fi
as_root() { "${sudo[@]}" "$@"; }

echo "The tests run against real servers. Missing here, to be installed with apt-get: ${packages[*]}"
echo "No service is started or enabled by this; existing ones are left alone."

# Debian starts and enables what it installs, and makes a PostgreSQL cluster. All three are prevented for the duration.
policy=/usr/sbin/policy-rc.d
cluster=/etc/postgresql-common/createcluster.d/forewarn-tests.conf
undo=()
cleanup() { for path in "${undo[@]}"; do as_root rm -f "$path"; done; }
trap cleanup EXIT
if [ ! -e "$policy" ]; then
    undo+=("$policy")
    printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null
    as_root chmod 755 "$policy"
fi
if [ ! -e "$cluster" ]; then
    undo+=("$cluster")
    as_root mkdir -p "$(dirname "$cluster")"
    echo 'create_main_cluster = false' | as_root tee "$cluster" >/dev/null
fi

services=(mosquitto influxdb victoria-metrics postgresql)
is_there() { [ -e "/lib/systemd/system/$1.service" ] || [ -e "/etc/init.d/$1" ]; }
new=()
for service in "${services[@]}"; do is_there "$service" || new+=("$service"); done

as_root apt-get update -qq || echo "apt-get update failed; going on with the package lists at hand" >&2
as_root env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y -o=Dpkg::Use-Pty=0 --no-install-recommends "${packages[@]}"

for service in "${new[@]}"; do
    is_there "$service" || continue
    if [ -e "/etc/init.d/$service" ]; then as_root update-rc.d "$service" disable >/dev/null; fi
    as_root deb-systemd-helper disable "$service.service" >/dev/null 2>&1 || true
done

mapfile -t packages < <(missing_packages)
[ ${#packages[@]} -eq 0 ] || fail "still missing after apt-get install: ${packages[*]}"
