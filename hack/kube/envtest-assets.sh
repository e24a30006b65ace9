#!/usr/bin/env bash
# Provides kube-apiserver, etcd and kubectl for controller-runtime's envtest and
# prints the directory that holds them:
#
#   KUBEBUILDER_ASSETS=$(hack/kube/envtest-assets.sh) go test ./controllers/...
#
# Taken from bin/kube if they are there, else downloaded, else built.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
# A download of 60 MB; where it does not come in this time, building is surer.
download_limit=60

if [[ -x $root/bin/kube/kube-apiserver && -x $root/bin/kube/etcd ]]; then
	exec "$here/assets.sh" envtest
fi

version=$(sed -n 's/^.*k8s.io\/kubernetes v\([0-9]*\.[0-9]*\)\..*$/\1/p' "$here/k8sbin/go.mod" | head -n 1)
"$root/hack/tools/install.sh" setup-envtest >&2
if dir=$(timeout "$download_limit" "$root/bin/setup-envtest" use "$version.x" --bin-dir "$root/bin/envtest" -p path 2>/dev/null); then
	echo "$dir"
	exit 0
fi
echo "cannot download kube-apiserver and etcd, building them (a few minutes, once)" >&2
exec "$here/assets.sh" envtest
