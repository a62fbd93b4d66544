#!/bin/sh
# Makes the image debian:bookworm-slim where no registry can be reached, from the package sources of this machine
# (Debian 12). The image holds those sources and this machine's CA bundle: do not publish it.
# Usage: build-base.sh [IMAGE]
set -eu

image=${1:-debian:bookworm-slim}
sources=/etc/apt/sources.list.d/debian.sources
[ -e "$sources" ] || sources=/etc/apt/sources.list

if ! command -v mmdebstrap >/dev/null; then
    sudo=
    [ "$(id -u)" -eq 0 ] || sudo=sudo
    $sudo apt-get install -y --no-install-recommends mmdebstrap ||
        { $sudo apt-get update && $sudo apt-get install -y --no-install-recommends mmdebstrap; }
fi

# A mirror that is kept for a long time may carry dates that have passed; signatures are checked all the same.
mmdebstrap --variant=minbase --include=ca-certificates \
    --aptopt='Acquire::Check-Valid-Until "false"' --aptopt='Acquire::Check-Date "false"' \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
    --dpkgopt='path-exclude=/usr/share/locale/*' \
    bookworm - "$sources" | docker import -c 'CMD ["bash"]' - "$image"
