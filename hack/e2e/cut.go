//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// cutOff takes a node with a proxy off the network. Who takes the proxy out of
// the EndpointSlice is the leading operator: withLeader says whether it is cut
// off too, so that another has to take over first.
func cutOff(name, title string, withLeader bool) fault {
	return fault{
		name: name, title: title, replicas: 3, patience: cutPatience, local: true,
		pick: func(ctx context.Context, e *env) (string, error) { return e.podByLeader(ctx, withLeader) },
		do: func(ctx context.Context, e *env, victim string, struck func(time.Time)) error {
			node, err := e.nodeOf(ctx, victim)
			if err != nil {
				return err
			}
			at := time.Now()
			if err := e.cluster.CutNode(ctx, node); err != nil {
				return err
			}
			struck(at)
			return nil
		},
		mend: func(ctx context.Context, e *env) error {
			var errs []error
			for _, node := range e.cluster.Nodes() {
				errs = append(errs, e.cluster.HealNode(ctx, node))
			}
			return errors.Join(errs...)
		},
	}
}

// podByLeader names a proxy on the leading operator's node, or one elsewhere.
func (e *env) podByLeader(ctx context.Context, with bool) (string, error) {
	lease, err := e.cluster.Client().CoordinationV1().Leases(operatorNamespace).Get(ctx, "sipring-operator", metav1.GetOptions{})
	if err != nil {
		return "", err
	}
	if lease.Spec.HolderIdentity == nil {
		return "", errors.New("no operator leads")
	}
	leader, _, _ := strings.Cut(*lease.Spec.HolderIdentity, "_")
	operator, err := e.cluster.Client().CoreV1().Pods(operatorNamespace).Get(ctx, leader, metav1.GetOptions{})
	if err != nil {
		return "", err
	}
	pods, err := e.pods(ctx)
	if err != nil {
		return "", err
	}
	for _, p := range pods {
		if (p.Spec.NodeName == operator.Spec.NodeName) == with {
			return p.Name, nil
		}
	}
	return "", fmt.Errorf("no proxy whose being on %s, where the operator leads, is %v", operator.Spec.NodeName, with)
}
