# Sourced by the scripts: asks for Debian packages, installs the missing ones, configures and builds.
# shellcheck shell=bash

missing_packages=()
missing_reasons=""

# need WHY PACKAGE...: asks for packages; those that are not installed are noted with the reason.
need() {
    local why=$1 package status
    shift
    for package; do
        status=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
        if [ "$status" != installed ]; then
            missing_packages+=("$package")
            missing_reasons+="${missing_reasons:+, }$package ($why)"
        fi
    done
}

# need_command WHY COMMAND PACKAGE: asks for a package unless its command is there from elsewhere.
need_command() {
    command -v "$2" >/dev/null || need "$1" "$3"
}

# What a build needs; a script adds what it needs itself and then calls install_missing.
need_to_build() {
    if ! command -v dpkg-query >/dev/null; then
        echo "not a Debian system: taking the packages listed in CONTRIBUTING.md as installed"
        need() { :; }
    fi
    need_command "the C compiler" cc gcc
    need "the C library's headers" libc6-dev
    need_command "configures the build" cmake cmake
    command -v make >/dev/null || need_command "runs the build" ninja ninja-build
    need "matrix products, linked statically" libblis-serial-dev
    need "factorizations of matrices, linked statically" liblapack-dev
    [ "$(uname -m)" != x86_64 ] || need "exp and its kin on vectors" libsleef-dev
    need "hash tables, header only" uthash-dev
    need "JSON in checkpoints" libjansson-dev
}

# What the tests need besides.
need_to_test() {
    need "the tests' framework" libcriterion-dev
    need_command "checks the headers as C++" c++ g++
    need_command "checks the pkg-config file" pkg-config pkgconf
    need "reads and writes tensor files beside the library" python3-numpy
}

# Installs what was asked for and is missing, as root or through sudo, without a question; says so, or says
# what to install and stops.
install_missing() {
    [ ${#missing_packages[@]} -gt 0 ] || return 0
    local as_root=() log
    if [ "$(id -u)" -ne 0 ]; then
        if ! sudo -n true 2>/dev/null; then
            echo "missing: $missing_reasons" >&2
            echo "Neither root nor sudo without a password: install them, then run this again:" >&2
            echo "    apt-get install --no-install-recommends ${missing_packages[*]}" >&2
            exit 1
        fi
        as_root=(sudo -n)
    fi
    echo "installing $missing_reasons"
    log=$(mktemp)
    # Old package lists name files that are gone; a mirror that does not answer leaves the lists as they are.
    apt_get update >"$log" 2>&1 || true
    if ! apt_get install -y --no-install-recommends "${missing_packages[@]}" >>"$log" 2>&1 </dev/null; then
        cat "$log" >&2
        rm -f "$log"
        echo "apt-get could not install: ${missing_packages[*]}" >&2
        exit 1
    fi
    rm -f "$log"
    missing_packages=()
    missing_reasons=""
}

apt_get() {
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=120 "$@"
}

# What a script wants said to cmake besides its preset.
configure_options=()

# build PRESET [TARGET...]: configures build/PRESET and builds it; quiet unless something is wrong.
build() {
    local preset=$1 log=build/$1.log targets=()
    shift
    [ $# -eq 0 ] || targets=(--target "$@")
    mkdir -p build
    if [ -z "${CMAKE_GENERATOR:-}" ] && [ ! -e "build/$preset/CMakeCache.txt" ] && command -v ninja >/dev/null; then
        export CMAKE_GENERATOR=Ninja
    fi
    echo "building build/$preset"
    if ! { cmake --preset "$preset" "${configure_options[@]}" &&
        cmake --build --preset "$preset" -j "$(nproc)" "${targets[@]}"; } >"$log" 2>&1; then
        cat "$log" >&2
        echo "the build of build/$preset failed" >&2
        return 1
    fi
}
