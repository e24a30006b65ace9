//go:build linux

package cluster

import (
	"fmt"
	"net/netip"
	"path/filepath"
	"regexp"
	"strings"
)

// Defaults of Options.
const (
	DefaultName     = "sipring"
	DefaultNodes    = 3
	DefaultStateDir = "/tmp/sipring-kube"
	DefaultSubnet   = "10.77.0.0/16"
	maxNodes        = 50
)

// The container of a unix socket's path is 108 bytes, terminator included.
const maxStateDir = 108 - len("/control-plane/containerd.sock\x00")

// Options says what cluster to bring up. The zero value is usable.
type Options struct {
	// Name distinguishes clusters on one machine: at most 8 lower case letters
	// and digits, as network interfaces are named after it.
	Name string `json:"name"`
	// Nodes is the number of worker nodes, 1 to 50.
	Nodes int `json:"nodes"`
	// Zones is how many zones the nodes are spread over, in turn; 0 means a
	// zone for every node.
	Zones int `json:"zones"`
	// StateDir holds all files. It must not be below /run, /var/lib or
	// /var/log: the machines see their own there.
	StateDir string `json:"stateDir"`
	// AssetsDir holds the programs that hack/kube/assets.sh builds.
	AssetsDir string `json:"assetsDir"`
	// Subnet is an IPv4 /16 that this machine does not use otherwise. The IPv6
	// addresses follow from it.
	Subnet string `json:"subnet"`
	// IPv6 gives nodes, pods and Services IPv6 alone, where they have both families
	// otherwise. The machines' own IPv4 addresses stay, for this host to manage them.
	IPv6 bool `json:"ipv6"`
	// Logf receives one line per step; nil discards them.
	Logf func(format string, args ...any) `json:"-"`
}

var nameRule = regexp.MustCompile(`^[a-z][a-z0-9]{0,7}$`)

// complete fills in defaults and checks the result.
func (o Options) complete() (Options, error) {
	o.Name = orDefault(o.Name, DefaultName)
	o.StateDir = orDefault(o.StateDir, DefaultStateDir)
	o.Subnet = orDefault(o.Subnet, DefaultSubnet)
	if o.Nodes == 0 {
		o.Nodes = DefaultNodes
	}
	if o.Zones == 0 {
		o.Zones = o.Nodes
	}
	if o.Logf == nil {
		o.Logf = func(string, ...any) {}
	}
	if !nameRule.MatchString(o.Name) {
		return o, fmt.Errorf("cluster name %q: want at most 8 lower case letters and digits", o.Name)
	}
	if o.Nodes < 1 || o.Nodes > maxNodes {
		return o, fmt.Errorf("%d nodes: want 1 to %d", o.Nodes, maxNodes)
	}
	if o.Zones < 1 || o.Zones > o.Nodes {
		return o, fmt.Errorf("%d zones for %d nodes", o.Zones, o.Nodes)
	}
	prefix, err := netip.ParsePrefix(o.Subnet)
	if err != nil || !prefix.Addr().Is4() || prefix.Bits() != 16 {
		return o, fmt.Errorf("subnet %q: want an IPv4 /16", o.Subnet)
	}
	if o.AssetsDir == "" {
		if o.AssetsDir, err = findAssets(); err != nil {
			return o, err
		}
	}
	if o.AssetsDir, err = filepath.Abs(o.AssetsDir); err != nil {
		return o, err
	}
	o.StateDir, err = checkStateDir(o.StateDir)
	return o, err
}

// plans are the plans of the families that nodes, pods and Services have, the one
// that they have first being the first.
func (o Options) plans() []plan {
	p := newPlan(o.Subnet)
	if o.IPv6 {
		return []plan{p.v6()}
	}
	return []plan{p, p.v6()}
}

func orDefault(s, fallback string) string {
	if s == "" {
		return fallback
	}
	return s
}

func checkStateDir(dir string) (string, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	if len(dir) > maxStateDir {
		return "", fmt.Errorf("state directory %q is longer than %d bytes: unix sockets below it could not be opened", dir, maxStateDir)
	}
	for _, hidden := range []string{"/run", "/var/run", "/var/lib", "/var/log", "/proc"} {
		if dir == hidden || strings.HasPrefix(dir, hidden+"/") {
			return "", fmt.Errorf("state directory %q: machines have their own %s and would not see it", dir, hidden)
		}
	}
	if dir == "/" || dir == "/tmp" {
		return "", fmt.Errorf("state directory %q is removed by Down: name one of its own", dir)
	}
	return dir, nil
}

// findAssets looks for bin/kube here and in the folders above, so that it is
// found from a test's working directory as well.
func findAssets() (string, error) {
	dir, err := filepath.Abs(".")
	if err != nil {
		return "", err
	}
	for {
		candidate := filepath.Join(dir, "bin", "kube")
		if isFile(filepath.Join(dir, "hack", "kube", "assets.sh")) {
			if !isFile(filepath.Join(candidate, "kubelet")) || !isFile(filepath.Join(candidate, "containerd")) {
				return "", fmt.Errorf("no programs in %s: run hack/kube/assets.sh first", candidate)
			}
			return candidate, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", fmt.Errorf("not inside the project: name the directory that hack/kube/assets.sh built")
		}
		dir = parent
	}
}
