//go:build linux

package cluster

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"fmt"
	"path/filepath"
)

const (
	etcdAddress   = "127.0.0.1:2379"
	issuer        = "https://kubernetes.default.svc"
	adminFile     = "admin"
	saFile        = "service-account"
	kubeconfigOut = "kubeconfig"
)

// controlPlane prepares the machine that runs etcd, the API server, the
// controllers and the scheduler, and writes the administrator's kubeconfig.
func (o Options) controlPlane(a *authority) (machine, error) {
	p := newPlan(o.Subnet)
	m := newMachine(o, "control-plane", o.controlPlaneNS())
	if err := m.makeDirs(); err != nil {
		return m, err
	}
	if err := controlPlaneCertificates(a, p, o.plans()); err != nil {
		return m, err
	}
	if err := a.kubeconfig(filepath.Join(o.StateDir, kubeconfigOut), adminFile, p.apiURL()); err != nil {
		return m, err
	}
	for _, name := range []string{"kube-controller-manager", "kube-scheduler"} {
		if err := a.kubeconfig(filepath.Join(m.dir, name+".kubeconfig"), name, p.apiURL()); err != nil {
			return m, err
		}
	}
	if err := o.makeCgroups(&m); err != nil {
		return m, err
	}
	api := []string{p.apiReady()}
	m.program("etcd", nil, etcdArgs(m.dir)...)
	m.program("kube-apiserver", []string{etcdAddress}, apiServerArgs(a, o.plans())...)
	m.program("kube-controller-manager", api, controllerManagerArgs(a, m.dir)...)
	m.program("kube-scheduler", api, clientArgs(m.dir, "kube-scheduler")...)
	return m, nil
}

func controlPlaneCertificates(a *authority, p plan, plans []plan) error {
	masters := []string{"system:masters"}
	identities := map[string]identity{
		"kube-apiserver": {name: "kube-apiserver", hosts: []string{
			p.controlPlane(), plans[0].controlPlane(), plans[0].apiServiceIP(), "127.0.0.1", "localhost",
			"kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local",
		}},
		"kubelet-client":          {name: "kube-apiserver-kubelet-client", groups: masters},
		adminFile:                 {name: "kubernetes-admin", groups: masters},
		"kube-controller-manager": {name: "system:kube-controller-manager"},
		"kube-scheduler":          {name: "system:kube-scheduler"},
		"front-proxy-client":      {name: "front-proxy-client"},
		"kube-proxy":              {name: "system:kube-proxy"},
	}
	for file, id := range identities {
		if err := a.issue(file, id); err != nil {
			return err
		}
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	return a.writeKey(saFile, key)
}

func etcdArgs(dir string) []string {
	return []string{
		"--data-dir=" + filepath.Join(dir, "etcd"),
		"--listen-client-urls=http://" + etcdAddress,
		"--advertise-client-urls=http://" + etcdAddress,
		"--listen-peer-urls=http://127.0.0.1:2380",
		// The cluster does not outlive the machine's next start, so neither
		// need its data; each write would otherwise wait for the disk.
		"--unsafe-no-fsync",
	}
}

func apiServerArgs(a *authority, plans []plan) []string {
	return []string{
		"--etcd-servers=http://" + etcdAddress,
		// This host and the machines come by IPv4, pods by what is advertised.
		"--bind-address=::",
		"--advertise-address=" + plans[0].controlPlane(),
		fmt.Sprintf("--secure-port=%d", apiPort),
		// The first is what a Service gets that asks for no family.
		"--service-cluster-ip-range=" + pick(plans, plan.services),
		"--tls-cert-file=" + a.path("kube-apiserver.crt"),
		"--tls-private-key-file=" + a.path("kube-apiserver.key"),
		"--client-ca-file=" + a.path("ca.crt"),
		"--kubelet-certificate-authority=" + a.path("ca.crt"),
		"--kubelet-client-certificate=" + a.path("kubelet-client.crt"),
		"--kubelet-client-key=" + a.path("kubelet-client.key"),
		"--kubelet-preferred-address-types=InternalIP",
		"--service-account-issuer=" + issuer,
		"--service-account-key-file=" + a.path(saFile+".key"),
		"--service-account-signing-key-file=" + a.path(saFile+".key"),
		// Aggregated APIs; without these flags the controllers log an error a second.
		"--requestheader-client-ca-file=" + a.path("ca.crt"),
		"--requestheader-allowed-names=front-proxy-client",
		"--requestheader-username-headers=X-Remote-User",
		"--requestheader-group-headers=X-Remote-Group",
		"--requestheader-extra-headers-prefix=X-Remote-Extra-",
		"--proxy-client-cert-file=" + a.path("front-proxy-client.crt"),
		"--proxy-client-key-file=" + a.path("front-proxy-client.key"),
		"--authorization-mode=Node,RBAC",
		"--enable-admission-plugins=NodeRestriction",
		"--allow-privileged",
	}
}

func controllerManagerArgs(a *authority, dir string) []string {
	return append(clientArgs(dir, "kube-controller-manager"),
		"--root-ca-file="+a.path("ca.crt"),
		"--service-account-private-key-file="+a.path(saFile+".key"),
		"--use-service-account-credentials",
		// Each node's CNI configuration names its range already.
		"--allocate-node-cidrs=false",
	)
}

// clientArgs are those that the controller manager and the scheduler share.
func clientArgs(dir, name string) []string {
	config := filepath.Join(dir, name+".kubeconfig")
	return []string{
		"--kubeconfig=" + config,
		"--authentication-kubeconfig=" + config,
		"--authorization-kubeconfig=" + config,
		"--bind-address=127.0.0.1",
		// There is only one, and waiting for a dead one's lease takes long.
		"--leader-elect=false",
		// At the default of 20 a second the controllers take 4 s to start.
		"--kube-api-qps=200",
		"--kube-api-burst=400",
	}
}
