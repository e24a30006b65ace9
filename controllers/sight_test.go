package controllers_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	coordinationv1 "k8s.io/api/coordination/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sipring/sipring/controllers"
)

// blind runs an operator whose role lacks a right, and returns where its health is
// served, the name of its role and what stops it.
func (b *bench) blind(elect bool) (health, user string, stop func() error) {
	b.Helper()
	role, err := os.ReadFile("../config/rbac/role.yaml")
	b.ok(err)
	const pods = "  - nodes\n  - pods\n  verbs:\n  - get\n  - list\n"
	if !bytes.Contains(role, []byte(pods)) {
		b.Fatal("the role no longer lists pods as it did")
	}
	path := b.TempDir() + "/role.yaml"
	b.ok(os.WriteFile(path, bytes.Replace(role, []byte(pods), []byte("  - nodes\n  verbs:\n  - get\n  - list\n"), 1), 0o600))
	b.operators++
	user = fmt.Sprintf("blind-%s-%d", b.ns, b.operators)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	b.ok(err)
	health = listener.Addr().String()
	b.ok(listener.Close())
	ctx, cancel := context.WithCancel(context.Background())
	mgr, err := controllers.NewManager(ctx, server.User(b, user, path), controllers.ManagerOptions{
		MetricsAddress: "0", HealthAddress: health, Namespaces: []string{b.ns},
		Leadership: controllers.Leadership{Elect: elect, Namespace: b.ns, Lease: 20 * time.Second, Renew: 15 * time.Second, Retry: 100 * time.Millisecond},
	})
	b.ok(err)
	b.ok(controllers.AddTo(ctx, mgr, prometheus.NewRegistry(), controllers.PodOptions{Image: "example.com/sipring:1"}))
	ended := make(chan error, 1)
	go func() { ended <- mgr.Start(ctx) }()
	stop = func() error {
		cancel()
		select {
		case err := <-ended:
			ended <- nil
			return err
		case <-time.After(time.Minute):
			return fmt.Errorf("it still runs after a minute")
		}
	}
	b.Cleanup(func() { _ = stop() })
	return health, user, stop
}

// ask is what /readyz says.
func ask(health string) (string, bool) {
	response, err := http.Get("http://" + health + "/readyz?verbose")
	if err != nil {
		return err.Error(), false
	}
	defer func() { _ = response.Body.Close() }()
	text, _ := io.ReadAll(response.Body)
	return response.Status + " " + string(text), response.StatusCode == http.StatusOK
}

// TestBlindOperatorIsNotReady: one that may not see pods is not ready, does not
// lead, stops when asked, and is ready once it has the right.
func TestBlindOperatorIsNotReady(t *testing.T) {
	b := newSerialBench(t)
	health, user, stop := b.blind(true)
	b.await("health", func() (string, bool) {
		said, ready := ask(health)
		if ready {
			t.Fatal("it is ready without seeing pods")
		}
		return said, len(said) > 0 && bytes.Contains([]byte(said), []byte("500"))
	})
	leads := func() bool {
		l := &coordinationv1.Lease{}
		err := b.client.Get(t.Context(), client.ObjectKey{Namespace: b.ns, Name: controllers.DefaultLeaderElectionID}, l)
		return err == nil && l.Spec.HolderIdentity != nil && *l.Spec.HolderIdentity != ""
	}
	// Another operator leads and publishes, which it could not if the blind one led.
	_, stopSeeing := b.operator()
	b.create()
	b.awaitStates("")
	stopSeeing()

	role := &rbacv1.ClusterRole{}
	b.ok(b.client.Get(t.Context(), client.ObjectKey{Name: user}, role))
	role.Rules = append(role.Rules, rbacv1.PolicyRule{APIGroups: []string{""}, Resources: []string{"pods"}, Verbs: []string{"get", "list", "watch"}})
	b.ok(b.client.Update(t.Context(), role))
	b.await("readiness with the right", func() (string, bool) { return ask(health) })
	b.await("leadership with the right", func() (string, bool) { return "nobody leads", leads() })
	if err := stop(); err != nil {
		t.Error(err)
	}
}

// TestBlindOperatorStops: SIGTERM ends it in its grace period, whatever it waits
// for.
func TestBlindOperatorStops(t *testing.T) {
	for name, elect := range map[string]bool{"one of several": true, "a single one": false} {
		t.Run(name, func(t *testing.T) {
			b := newSerialBench(t)
			health, _, stop := b.blind(elect)
			b.await("a start", func() (string, bool) {
				said, _ := ask(health)
				return said, bytes.Contains([]byte(said), []byte("500"))
			})
			began := time.Now()
			if err := stop(); err != nil {
				t.Error(err)
			}
			t.Logf("ended in %v", time.Since(began).Round(time.Millisecond))
		})
	}
}
