# Shared by the scripts of this folder.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$root/target}
started=$(date +%s)

# A line of progress, with the time since the script began.
say() {
    printf '[%4d s] %s\n' "$(($(date +%s) - started))" "$*"
}

fail() {
    printf 'error: %s\n' "$1" >&2
    [ -n "${2:-}" ] && printf 'hint: %s\n' "$2" >&2
    exit 1
}

need() {
    command -v "$1" >/dev/null 2>&1 || fail "$1 is not installed" "$2"
}

# Installs Debian packages that are missing: apt_install PACKAGE...
apt_install() {
    local sudo='' missing=()
    for package in "$@"; do
        dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
    done
    [ ${#missing[@]} -eq 0 ] && return 0
    command -v apt-get >/dev/null || fail "these packages are missing: ${missing[*]}" "install them with your system's package manager"
    if [ "$(id -u)" -ne 0 ]; then
        need sudo "become root, or install by hand: ${missing[*]}"
        sudo=sudo
    fi
    say "installing ${missing[*]}"
    $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "${missing[@]}" >"$CARGO_TARGET_DIR/apt.log" 2>&1 ||
        { $sudo apt-get update -q >>"$CARGO_TARGET_DIR/apt.log" 2>&1 &&
            $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "${missing[@]}" >>"$CARGO_TARGET_DIR/apt.log" 2>&1; } ||
        fail "apt-get could not install ${missing[*]}" "see $CARGO_TARGET_DIR/apt.log"
}

# The hash of some files, for steps that are done only when their input changed.
hash_of() {
    cat "$@" | sha256sum | cut -c1-16
}

# Runs cargo and says now and then how far it is. Without a terminal cargo shows no bar.
cargo_with_progress() {
    if [ -t 2 ]; then
        cargo "$@"
        return
    fi
    cargo "$@" 2>&1 | awk '
        /^ *(Compiling|Checking) / { n++; if (n % 40 == 0) { printf "         %d crates, now %s %s\n", n, $2, $3; fflush() } next }
        /^ *(Finished|Blocking|Downloading|Downloaded|Updating|Locking|Executable|Running|Adding) / { next }
        { print; fflush() }'
    return "${PIPESTATUS[0]}"
}

mkdir -p "$CARGO_TARGET_DIR"
