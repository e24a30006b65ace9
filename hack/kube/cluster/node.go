//go:build linux

package cluster

import (
	"fmt"
	"os"
	"path/filepath"
)

const (
	// PauseImage is the image of the process that holds a pod's namespaces.
	PauseImage = "sipring.local/pause:1"
	// ZoneLabel is the node label that tells its zone.
	ZoneLabel = "topology.kubernetes.io/zone"
)

// cniPlugins is where Debian's containernetworking-plugins puts them, cniOpt
// where everybody else does.
const (
	cniPlugins = "/usr/lib/cni"
	cniOpt     = "/opt/cni/bin"
)

// nodeConfig fills in the templates of one node.
type nodeConfig struct {
	Name, IP, AllPods      string
	PodNets, Routes        []string
	Dir, PKI, Socket       string
	CNIPlugins, PauseImage string
}

// node prepares the machine of the n-th node.
func (o Options) node(a *authority, n int) (machine, error) {
	p, plans := newPlan(o.Subnet), o.plans()
	nodeIP := func(p plan) string { return p.node(n) }
	m := newMachine(o, NodeName(n), o.nodeNS(n))
	if err := m.makeDirs("cni", "volume-plugins"); err != nil {
		return m, err
	}
	plugins, err := findCNIPlugins()
	if err != nil {
		return m, err
	}
	config := nodeConfig{
		Name: m.name, IP: nodeIP(plans[0]), AllPods: pick(plans, plan.allPods),
		Dir: m.dir, PKI: a.dir, Socket: o.containerdSocket(m.name),
		CNIPlugins: plugins, PauseImage: PauseImage,
	}
	for _, p := range plans {
		config.PodNets, config.Routes = append(config.PodNets, p.podNet(n)), append(config.Routes, p.anywhere())
	}
	if err := writeNodeFiles(a, m, config, p.node(n), p.apiURL()); err != nil {
		return m, err
	}
	if err := o.makeCgroups(&m); err != nil {
		return m, err
	}
	in := func(name string) string { return filepath.Join(m.dir, name) }
	m.program("containerd", nil, "--config", in("containerd.toml"))
	m.program("kubelet", []string{config.Socket, p.apiReady()},
		"--config="+in("kubelet.yaml"),
		"--kubeconfig="+in("kubelet.kubeconfig"),
		"--hostname-override="+m.name,
		"--node-ip="+pick(plans, nodeIP),
		fmt.Sprintf("--node-labels=%s=%s", ZoneLabel, o.zone(n)))
	m.program("kube-proxy", []string{p.apiReady()},
		"--config="+in("kube-proxy.yaml"))
	return m, nil
}

func writeNodeFiles(a *authority, m machine, config nodeConfig, ip, server string) error {
	// One certificate to speak to the API as this node and to serve it.
	id := identity{name: "system:node:" + m.name, groups: []string{"system:nodes"}, hosts: []string{m.name, ip, config.IP}}
	if err := a.issue(m.name, id); err != nil {
		return err
	}
	for name, holder := range map[string]string{"kubelet": m.name, "kube-proxy": "kube-proxy"} {
		if err := a.kubeconfig(filepath.Join(m.dir, name+".kubeconfig"), holder, server); err != nil {
			return err
		}
	}
	for path, template := range map[string]string{
		"containerd.toml":      "containerd.toml",
		"cni/10-pods.conflist": "cni.conflist",
		"kubelet.yaml":         "kubelet.yaml",
		"kube-proxy.yaml":      "kube-proxy.yaml",
	} {
		if err := render(filepath.Join(m.dir, path), template, config); err != nil {
			return err
		}
	}
	return os.WriteFile(filepath.Join(m.dir, "resolv.conf"), nil, 0o644)
}

// zone is the zone of the n-th node.
func (o Options) zone(n int) string { return fmt.Sprintf("zone%d", (n-1)%o.Zones+1) }

func (o Options) containerdSocket(machine string) string {
	return filepath.Join(o.StateDir, machine, "containerd.sock")
}

func findCNIPlugins() (string, error) {
	for _, dir := range []string{cniPlugins, cniOpt} {
		if isFile(filepath.Join(dir, "bridge")) {
			return dir, nil
		}
	}
	return "", fmt.Errorf("no CNI plugins in %s or %s: run hack/tools/packages.sh hack/kube/packages.txt", cniPlugins, cniOpt)
}
