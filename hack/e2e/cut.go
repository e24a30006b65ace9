//go:build linux

package main

import (
	"context"
	"errors"
	"time"
)

// cutOff takes a node with a proxy off the network. Who takes the proxy out of
// the EndpointSlice is the leading operator: withLeader says whether it is cut
// off too, so that another has to take over first.
func cutOff(name, title string, withLeader bool) fault {
	return fault{
		name: name, title: title, replicas: 3, patience: cutPatience, local: true,
		pick: func(ctx context.Context, e *env) (string, error) { return e.proxies.podByLeader(ctx, withLeader) },
		do: func(ctx context.Context, e *env, victim string, struck func(time.Time)) error {
			node, err := e.proxies.nodeOf(ctx, victim)
			if err != nil {
				return err
			}
			at := time.Now()
			if err := e.kube.cluster.CutNode(ctx, node); err != nil {
				return err
			}
			struck(at)
			return nil
		},
		mend: func(ctx context.Context, e *env) error {
			var errs []error
			for _, node := range e.kube.cluster.Nodes() {
				errs = append(errs, e.kube.cluster.HealNode(ctx, node))
			}
			return errors.Join(errs...)
		},
	}
}
