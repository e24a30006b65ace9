//go:build linux

package main

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sipring/sipring/hack/kube/image"
)

const (
	compareCase   = "compare"
	kamailioImage = "sipring.local/kamailio:e2e"
	kamailioNodes = 3
	// kamailioDir is where Debian has its modules.
	kamailioDir = "/usr/lib/x86_64-linux-gnu/kamailio"
)

//go:embed manifests/kamailio.cfg
var kamailioConfig string

//go:embed manifests/kamailio.yaml
var kamailioPod string

// kamailioService is the load balancer's.
const kamailioService = `
apiVersion: v1
kind: Service
metadata: {name: kamailio}
spec:
  type: LoadBalancer
  externalTrafficPolicy: Local
  selector: {app: kamailio}
  ports: [{name: sip, port: 5060, protocol: UDP}]
`

var kamailioVIP = netip.MustParseAddrPort("203.0.113.33:5060")

// playCompare has Debian's Kamailio, with its contacts on every node, and SIPClusters behind a
// plain Service and at a shared address lose nodes and servers under the same calls. Nobody is
// behind a NAT; the SIPClusters alone ask for passwords.
func playCompare(ctx context.Context, e *env) (results []*result, err error) {
	if e.stage.o.ipv6 {
		return []*result{{Case: compareCase, Title: "beside Kamailio", Skipped: "the phones are configured for IPv4 here"}}, nil
	}
	results, err = e.compareKamailio(ctx)
	if err != nil {
		return results, fmt.Errorf("kamailio: %w", err)
	}
	for _, part := range []ringingPart{
		// An address of its own: nodes remember, for minutes, to which pods they have translated
		// flows, and SIPp's next calls are from some of the same ports.
		{sipCluster: "nat", at: natVIP, faults: compared("nat", "sipring, Service: ", 3), open: true, peer: true},
		{sipCluster: "shared", at: sharedVIP, faults: compared("shared", "sipring, SharedAddress: ", 3), open: true},
	} {
		more, err := e.playRinging(ctx, part)
		results = append(results, more...)
		if err != nil {
			return results, fmt.Errorf("SIPCluster %s: %w", part.sipCluster, err)
		}
	}
	return results, nil
}

// compared are the first faults of a SIPCluster: a node cut off, SIGKILL, a rolling update.
func compared(name, prefix string, n int) []fault {
	all := sharedFaults(name)[:n]
	for i := range all {
		all[i].name = strings.Replace(all[i].name, sharedCase, compareCase, 1)
		all[i].title = prefix + strings.TrimSuffix(all[i].title, sharedSuffix)
	}
	return all
}

// kamailioFaults strike the pods by name.
func kamailioFaults() []fault {
	kill := func(pod string) func(context.Context, *env, string, func(time.Time)) error {
		return func(ctx context.Context, e *env, _ string, struck func(time.Time)) error {
			killed, err := e.kube.cluster.KillContainerProcess(ctx, namespace, pod, "kamailio", unix.SIGKILL)
			if err == nil {
				struck(killed.At)
			}
			return err
		}
	}
	return []fault{
		{
			name: "compare-cut", title: "Kamailio: node cut off",
			do: func(ctx context.Context, e *env, _ string, struck func(time.Time)) error {
				at := time.Now()
				if err := e.kube.cluster.CutNode(ctx, "node2"); err != nil {
					return err
				}
				struck(at)
				return nil
			},
			mend: func(ctx context.Context, e *env) error { return e.kube.cluster.HealNode(ctx, "node2") },
		},
		{name: "compare-sigkill", title: "Kamailio: SIGKILL of the one that others ask", do: kill("kamailio-1")},
		{name: "compare-sigkill", title: "Kamailio: SIGKILL of another", do: kill("kamailio-3")},
	}
}

func (e *env) compareKamailio(ctx context.Context) (results []*result, err error) {
	if err := e.kube.loadKamailio(ctx); err != nil {
		return nil, err
	}
	p := &party{proxy: kamailioVIP, in: e.kube.inClient, command: e.kube.clientCommand, step: e.stage.step}
	s := &shared{env: &env{stage: e.stage, kube: e.kube, proxies: e.proxies, party: p}, open: true}
	leave, err := e.startKamailio(ctx)
	defer func() { err = errors.Join(err, leave(context.WithoutCancel(ctx))) }()
	if err != nil {
		return nil, err
	}
	stop, err := announceAt(ctx, e.kube, sharedProbe, "kamailio", kamailioVIP)
	if err != nil {
		return nil, err
	}
	defer stop()
	if err := s.gather(ctx); err != nil {
		return nil, err
	}
	defer p.leave()
	for _, f := range kamailioFaults() {
		if !e.stage.o.wantsPart(f.name) {
			continue
		}
		r, err := s.playKamailio(ctx, f)
		if results = append(results, r); err != nil {
			return results, fmt.Errorf("%s: %w", f.title, err)
		}
	}
	return results, nil
}

// playKamailio counts what is lost, which fails nothing: it is the other one's. Everybody
// registers again after it, so that each fault is the first.
func (s *shared) playKamailio(ctx context.Context, f fault) (*result, error) {
	r := &result{Case: compareCase, Title: f.title, Patience: patience, Peer: true}
	at, err := s.endure(ctx, f, s.quick.Everybody(), r, func(time.Time) {})
	if f.mend != nil {
		err = errors.Join(err, f.mend(context.WithoutCancel(ctx), s.env))
	}
	if err != nil {
		return r, err
	}
	if err := eventually(ctx, settleLimit, s.kamailioReady); err != nil {
		return r, err
	}
	r.Whole = time.Since(at)
	r.Registered = s.party.load.Registered(ctx)
	s.stage.step("%s: calls lost %d of %d; %s", f.title, r.Meanwhile.Reached.Of-r.Meanwhile.Reached.OK, r.Meanwhile.Reached.Of, r.line())
	if o := s.party.load.Register(ctx); !o.Whole() {
		return r, fmt.Errorf("%v phones registered again: %v", o, o.Errors)
	}
	return r, nil
}

// loadKamailio makes an image of Debian's files, as far as they are needed, and of our
// configuration. It begins with the loader, as the program is not a static one.
func (k *kube) loadKamailio(ctx context.Context) error {
	const loader = "/lib64/ld-linux-x86-64.so.2"
	files := map[string]string{"/usr/sbin/kamailio": "/usr/sbin/kamailio"}
	if _, err := os.Stat("/usr/sbin/kamailio"); err != nil {
		return fmt.Errorf("%w: install Debian's package kamailio", err)
	}
	modules, err := filepath.Glob(filepath.Join(kamailioDir, "modules", "*.so"))
	if err != nil {
		return err
	}
	libraries, err := filepath.Glob(filepath.Join(kamailioDir, "*.so*"))
	if err != nil {
		return err
	}
	for _, path := range append(modules, libraries...) {
		files[path] = path
	}
	for _, name := range []string{"libc.so.6", "libm.so.6"} {
		files["/lib/x86_64-linux-gnu/"+name] = "/lib/x86_64-linux-gnu/" + name
	}
	dir, err := os.MkdirTemp("", "kamailio-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	files["/etc/kamailio.cfg"] = filepath.Join(dir, "kamailio.cfg")
	if err := os.WriteFile(files["/etc/kamailio.cfg"], []byte(kamailioConfig), 0o644); err != nil {
		return err
	}
	tar := filepath.Join(dir, "kamailio.tar")
	if err := image.Write(tar, image.Image{Name: kamailioImage, Binary: loader, User: "0:0", Files: files}); err != nil {
		return err
	}
	return k.cluster.LoadImage(ctx, tar)
}

// startKamailio makes a pod on each node, and the Service. leave, which is never nil, removes
// them.
func (e *env) startKamailio(ctx context.Context) (leave func(context.Context) error, err error) {
	leave = func(ctx context.Context) error {
		_, err := e.kube.kubectl(ctx, "--namespace", namespace, "delete", "--ignore-not-found", "--now", "service/kamailio", "pod/kamailio-1", "pod/kamailio-2", "pod/kamailio-3")
		return err
	}
	if _, err := e.kube.kubectl(ctx, "label", "namespace", namespace, "pod-security.kubernetes.io/enforce=privileged", "--overwrite"); err != nil {
		return leave, err
	}
	first, err := e.kube.cluster.NodeIP("node1")
	if err != nil {
		return leave, err
	}
	manifest := kamailioService
	for n := range kamailioNodes {
		number := fmt.Sprint(n + 1)
		ip, err := e.kube.cluster.NodeIP("node" + number)
		if err != nil {
			return leave, err
		}
		manifest += "---\n" + strings.NewReplacer("NUMBER", number, "ADDRESS", ip, "CONTACT", first, "SHARED", kamailioVIP.Addr().String()).Replace(kamailioPod)
	}
	path := filepath.Join(os.TempDir(), "kamailio.yaml")
	if err := os.WriteFile(path, []byte(manifest), 0o600); err != nil {
		return leave, err
	}
	if _, err := e.kube.kubectl(ctx, "--namespace", namespace, "apply", "-f", path); err != nil {
		return leave, err
	}
	if err := eventually(ctx, installLimit, e.kamailioReady); err != nil {
		return leave, err
	}
	version, err := exec.CommandContext(ctx, "/usr/sbin/kamailio", "-v").Output()
	line, _, _ := strings.Cut(string(version), "\n")
	e.stage.step("%d pods of %s, with -x tlsf, reached at %v", kamailioNodes, line, kamailioVIP)
	return leave, err
}

// kamailioReady returns nil once all pods are.
func (e *env) kamailioReady(ctx context.Context) error {
	pods, err := e.kube.cluster.Client().CoreV1().Pods(namespace).List(ctx, metav1.ListOptions{LabelSelector: "app=kamailio"})
	if err != nil {
		return err
	}
	ready := 0
	for i := range pods.Items {
		for _, status := range pods.Items[i].Status.ContainerStatuses {
			if status.Ready {
				ready++
			}
		}
	}
	if ready != kamailioNodes {
		return fmt.Errorf("%d of %d pods of kamailio are ready", ready, kamailioNodes)
	}
	return nil
}
