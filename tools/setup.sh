#!/bin/sh
# usage: setup.sh [target] [extra] [checks]
# Install what tools/packages.txt lists and this machine lacks; where that is not allowed, name it and fail.
set -eu
list=$(dirname "$0")/packages.txt

installed()
{
    dpkg-query -W -f '${Status}' "$1" 2>/dev/null | grep -q '^install ok installed$'
}

# Packages whose kind (needed, optional, target, extra, checks) is $1 and that are not here. Node may come from elsewhere than Debian.
missing()
{
    sed 's/#.*//' "$list" | while read -r package kind; do
        if [ -z "$package" ] || [ "${kind:-needed}" != "$1" ]; then
            continue
        elif [ "$1" = target ] && command -v "${package%js}" >/dev/null; then
            continue
        elif ! installed "$package"; then
            printf ' %s' "$package"
        fi
    done
}

if ! command -v dpkg-query >/dev/null; then
    echo "setup: this is no Debian system; what refold needs is listed in tools/packages.txt" >&2
    exit 0
fi

wanted=$(missing needed)
for kind; do
    wanted=$wanted$(missing "$kind")
done
[ -n "$wanted" ] || exit 0

if [ "$(id -u)" = 0 ]; then
    root=
elif sudo -n true 2>/dev/null; then
    root=sudo
else
    echo "setup: these Debian packages are missing, and only root can install them:$wanted" >&2
    exit 1
fi

wanted=$wanted$(missing optional)
echo "setup: installing$wanted" >&2
{
    $root apt-get update -q -o Acquire::Retries=3
    # shellcheck disable=SC2086 # one word a package
    $root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends \
        -o Acquire::Retries=3 $wanted
} >&2
