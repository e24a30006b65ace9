#!/usr/bin/env bash
# Installs the Debian packages of the lists named, those that are missing:
#   hack/tools/packages.sh hack/kube/packages.txt hack/e2e/packages.txt
# Needs root only if one is.
set -euo pipefail

missing=()
while read -r package; do
	dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed || missing+=("$package")
done < <(sed -e 's/#.*//' -e '/^[[:space:]]*$/d' "$@")

if ((${#missing[@]} == 0)); then
	exit 0
fi
echo "installing ${missing[*]}" >&2
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq >&2
apt-get install -y -qq --no-install-recommends "${missing[@]}" >&2
