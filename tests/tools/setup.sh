#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Everything a fresh Debian needs, in one place: pipelines/demo.sh, tests/run.sh and the Docker image use
# the same lists. Installs only what is missing, so that it costs nothing the second time.
#
#   tests/tools/setup.sh [packages]           what the program needs to be built
#   tests/tools/setup.sh packages tests       the same, and what the tests use besides
#   tests/tools/setup.sh list [tests]         prints the names
#   tests/tools/setup.sh build [DIR [ARG…]]   configures and builds into DIR (default build); ARG go to cmake
set -euo pipefail

root=$(cd "$(dirname "$0")/../.." && pwd)

build_packages=(gcc g++ cmake ninja-build pkg-config libyaml-dev zlib1g-dev librdkafka-dev
    libhiredis-dev libavro-dev libcurl4-openssl-dev libcmocka-dev libsimdjson-dev tzdata)
# clang: the second compiler and the fuzzers; spin: the model; redis, Java and Maven: the integration tests.
test_packages=(git curl ca-certificates python3 python3-venv clang libclang-rt-14-dev llvm redis-server
    openjdk-17-jre-headless maven spin)

say() { printf 'setup: %s\n' "$*" >&2; }

wanted() {
    printf '%s\n' "${build_packages[@]}"
    if [ "${1:-}" = tests ]; then printf '%s\n' "${test_packages[@]}"; fi
}

# A package counts as there if dpkg has it, or if something else provides the program of its name.
missing() {
    local package
    for package in $(wanted "${1:-}"); do
        dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' && continue
        case $package in
        gcc | g++ | cmake | pkg-config | git | curl | python3 | clang)
            command -v "$package" >/dev/null 2>&1 && continue ;;
        ninja-build) command -v ninja >/dev/null 2>&1 && continue ;;
        maven) command -v mvn >/dev/null 2>&1 && continue ;;
        llvm) command -v llvm-symbolizer >/dev/null 2>&1 && continue ;;
        openjdk-17-jre-headless) command -v java >/dev/null 2>&1 && continue ;;
        libcurl4-openssl-dev) pkg-config --exists libcurl 2>/dev/null && continue ;;
        esac
        printf '%s\n' "$package"
    done
}

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

install_missing() {
    local names
    mapfile -t names < <(missing "${1:-}")
    if [ "${#names[@]}" = 0 ]; then return 0; fi
    say "installing ${names[*]}"
    local had_redis=no
    if command -v redis-server >/dev/null 2>&1; then had_redis=yes; fi
    if ! command -v apt-get >/dev/null 2>&1; then
        say "there is no apt-get here: install the above by hand (names are those of Debian 12)"
        return 1
    fi
    local quiet=(-qq -o Dpkg::Use-Pty=0)
    as_root env DEBIAN_FRONTEND=noninteractive apt-get "${quiet[@]}" update
    as_root env DEBIAN_FRONTEND=noninteractive apt-get "${quiet[@]}" install -y \
        --no-install-recommends "${names[@]}" </dev/null >/dev/null
    if [ "$had_redis" = no ]; then stop_redis_service; fi
}

# apt starts a server on the usual port; the tests start their own on a free one.
stop_redis_service() {
    if [ -d /run/systemd/system ]; then
        as_root systemctl disable --quiet --now redis-server 2>/dev/null || true
    elif [ -x /etc/init.d/redis-server ]; then
        as_root /etc/init.d/redis-server stop >/dev/null 2>&1 || true
    fi
}

build() {
    local folder=${1:-$root/build}
    if [ "$#" -gt 0 ]; then shift; fi
    local launcher=()
    if command -v ccache >/dev/null 2>&1; then
        launcher=(-DCMAKE_C_COMPILER_LAUNCHER=ccache -DCMAKE_CXX_COMPILER_LAUNCHER=ccache)
    fi
    cmake -S "$root" -B "$folder" -G Ninja "${launcher[@]}" "$@" >/dev/null
    cmake --build "$folder"
}

case ${1:-} in
packages | "") install_missing "${2:-}" ;;
list) wanted "${2:-}" ;;
build)
    shift
    build "$@"
    ;;
*)
    sed -n '4,11s/^# \{0,1\}//p' "$0" >&2
    exit 2
    ;;
esac
