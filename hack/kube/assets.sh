#!/usr/bin/env bash
# Builds the programs of the local cluster into bin/kube and prints that directory.
#
#   assets.sh            everything: about 12 minutes the first time on two cores
#   assets.sh envtest    kube-apiserver, etcd and kubectl only
#
# Each part carries a stamp of all that it was built from, so that a call with
# nothing to do returns at once.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
out=$root/bin/kube
want=${1:-all}

# Every program must run in any root file system: no C library.
export CGO_ENABLED=0
# -p: a compile can take half a gigabyte; more at once than cores only swaps.
jobs=${KUBE_BUILD_JOBS:-2}
mkdir -p "$out"

# Two builds at once would do the same work twice.
exec 9>"$out/.lock"
flock 9

# fresh STAMP INPUT...: whether STAMP holds the hash of the inputs; sets $hash.
fresh() {
	local stamp=$1
	shift
	hash=$({ go env GOVERSION; cat "$@"; } | sha256sum)
	[[ -f $out/$stamp && $(<"$out/$stamp") == "$hash" ]]
}

build() {
	nice -n 10 go build -C "$1" -p "$jobs" -trimpath -ldflags "$2" -o "$3" "${@:4}"
}

# k8s TAGS FILE PROGRAM...: the multi-call binary and its links.
k8s() {
	local tags=$1 file=$2
	shift 2
	local inputs=("$here"/k8sbin/go.sum "$here"/k8sbin/go.mod "$here"/k8sbin/*.go)
	if ! fresh ".$file.stamp" "${inputs[@]}" || [[ ! -x $out/$file ]]; then
		local version
		version=$(cd "$here/k8sbin" && go list -m -f '{{.Version}}' k8s.io/kubernetes)
		local minor=${version#v1.}
		# Unset, the programs call themselves v0.0.0-master and refuse each
		# other for the difference in version.
		local x="-X k8s.io/component-base/version" c="-X k8s.io/client-go/pkg/version"
		echo "building Kubernetes $version ($*)" >&2
		build "$here/k8sbin" "-s -w $x.gitVersion=$version $x.gitMajor=1 $x.gitMinor=${minor%%.*} $x.gitTreeState=clean $c.gitVersion=$version" \
			"$out/$file.new" -tags "$tags" .
		mv -f "$out/$file.new" "$out/$file"
		echo "$hash" >"$out/.$file.stamp"
	fi
	local program
	for program in "$@"; do
		[[ $(readlink "$out/$program" || true) == "$file" ]] || ln -sfn "$file" "$out/$program"
	done
}

containerd() {
	local inputs=("$here"/containerdbin/go.sum "$here"/containerdbin/go.mod)
	fresh .containerd.stamp "${inputs[@]}" && return
	local module=github.com/containerd/containerd/v2 version program
	version=$(cd "$here/containerdbin" && go list -m -f '{{.Version}}' "$module")
	for program in containerd containerd-shim-runc-v2 ctr; do
		echo "building $program $version" >&2
		# The tags leave out snapshotters that need C libraries or kernel modules.
		build "$here/containerdbin" "-s -w -X $module/version.Version=$version" "$out/$program" \
			-tags "no_btrfs no_zfs no_devmapper" "$module/cmd/$program"
	done
	echo "$hash" >"$out/.containerd.stamp"
}

# own builds our small programs; the Go build cache is their stamp.
own() {
	local inputs=("$here"/nodeinit/*.go "$here"/nodeinit/spec/*.go "$here"/cgroup2/*.go "$here"/pause/*.go "$here"/echo/*.go)
	fresh .own.stamp "${inputs[@]}" && return
	local program
	for program in nodeinit pause echo; do
		build "$root" "-s -w" "$out/$program" "./hack/kube/$program"
	done
	echo "$hash" >"$out/.own.stamp"
}

case $want in
all)
	own
	containerd
	k8s "" k8s etcd kube-apiserver kube-controller-manager kube-scheduler kubelet kube-proxy kubectl
	;;
envtest)
	# The full binary, where it is there already, serves as well.
	if fresh .k8s.stamp "$here"/k8sbin/go.sum "$here"/k8sbin/go.mod "$here"/k8sbin/*.go && [[ -x $out/k8s ]]; then
		k8s "" k8s etcd kube-apiserver kubectl
	else
		k8s envtest k8s-envtest etcd kube-apiserver kubectl
	fi
	;;
*)
	echo "usage: ${0##*/} [all|envtest]" >&2
	exit 2
	;;
esac
echo "$out"
