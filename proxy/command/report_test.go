package command

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sipring/sipring/proxy/cluster"
	"github.com/sipring/sipring/proxy/config"
	"github.com/sipring/sipring/proxy/flow"
	"github.com/sipring/sipring/proxy/peer"
)

// nobody takes what other members send, and there are none.
type nobody struct{}

func (nobody) HandleFrame(uint32, uint8, []byte) {}
func (nobody) HandleReplaced(flow.Flow)          {}
func (nobody) HandleAway([]cluster.Away)         {}

// TestNothingIsReportedBeforeThereIsANode: the Lease has no report of what is not
// known.
func TestNothingIsReportedBeforeThereIsANode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 3*reportInterval+1)
		defer cancel()
		(&proxy{}).keepReport(ctx, func(r config.Report) { t.Errorf("reported: %s", r) })
	})
}

// TestReportFollowsTheNode that there is later.
func TestReportFollowsTheNode(t *testing.T) {
	p, reports := &proxy{}, make(chan config.Report)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go p.keepReport(ctx, func(r config.Report) {
		select {
		case reports <- r:
		case <-ctx.Done():
		}
	})
	node, err := peer.Start(peer.Config{Cluster: "test", ID: 1, Name: "m1", Address: "127.0.0.1", Ports: config.Ports{Peer: 17949}, Keys: config.NewKeys(), Handler: nobody{}})
	if err != nil {
		t.Fatal(err)
	}
	defer node.Close()
	p.node.Store(node)
	select {
	case r := <-reports:
		if r.UnderReplicated != 0 || len(r.Failovers) > 0 {
			t.Errorf("a node that holds nothing reports %s", r)
		}
	case <-time.After(patience):
		t.Fatal("nothing is reported")
	}
}
