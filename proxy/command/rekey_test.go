package command

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/fake"

	"github.com/sipring/sipring/proxy/config"
	"github.com/sipring/sipring/proxy/memberset"
)

// TestLeaseFollowsTheKeys: it says which keys are in force at the start, and after
// each change of the files; what cannot be used changes nothing.
func TestLeaseFollowsTheKeys(t *testing.T) {
	f := newFolder(t, 1)
	write := func(name string, content interface{ Marshal() ([]byte, error) }) {
		b, err := content.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		f.write(name, b)
	}
	keys, signer := config.NewKeys(), config.NewKeys()
	write("keys.json", keys)
	f.trust(signer)
	o := &options{config: f.file("config.yaml"), members: f.file("members.json"), keys: f.file("keys.json"), trust: f.file("trust.json"), name: "m1"}
	p, err := o.prepare()
	if err != nil {
		t.Fatal(err)
	}
	p.log = slog.New(slog.DiscardHandler)
	p.source = memberset.NewFile(p.members, p.parseSet, p.log)
	client := fake.NewClientset()
	p.lease = memberset.NewLease(client, memberset.LeaseConfig{Namespace: "voice", Pod: "m1", Cluster: "test"})
	p.tellKeys()
	p.tellTrust()
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { p.lease.Run(ctx) })
	running.Go(func() { memberset.FollowBy(ctx, o.keys, readKeyFile, p.rekey) })
	running.Go(func() { memberset.Follow(ctx, o.trust, p.believe) })
	defer running.Wait()
	defer cancel()
	says := func(annotation string, names []string) {
		t.Helper()
		f.until("the Lease's "+annotation+" is "+strings.Join(names, ","), func() bool {
			lease, err := client.CoordinationV1().Leases("voice").Get(t.Context(), "m1", metav1.GetOptions{})
			return err == nil && lease.Annotations[annotation] == strings.Join(names, ",")
		})
	}
	says(config.AnnotationKeys, keys.Names())
	for _, step := range []func(*config.Keys) (*config.Keys, error){(*config.Keys).Added, (*config.Keys).Promoted, (*config.Keys).Retired} {
		if keys, err = step(keys); err != nil {
			t.Fatal(err)
		}
		f.write("keys.json", []byte("no keys")) // half of a copy
		write("keys.json", keys)
		says(config.AnnotationKeys, keys.Names())
	}
	says(config.AnnotationTrust, signer.Trust(testIdentity).Names())
	if signer, err = signer.Added(); err != nil {
		t.Fatal(err)
	}
	f.trust(signer)
	says(config.AnnotationTrust, signer.Trust(testIdentity).Names())
	says(config.AnnotationKeys, keys.Names())
}
