//go:build linux

package cluster

import (
	"context"
	"fmt"
	"net/http"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const (
	pollEvery = 50 * time.Millisecond
	readyFor  = 5 * time.Minute
	// kube-proxy's health port: 200 once its rules are in the kernel.
	proxyHealthPort = 10256
)

// waitReady waits until pods can be run: nodes ready, their service rules
// written, and the account that pods use by default made.
func (c *Cluster) waitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readyFor)
	defer cancel()
	return Eventually(ctx, func(ctx context.Context) error {
		if err := c.nodesReady(ctx); err != nil {
			return err
		}
		if err := c.proxiesReady(ctx); err != nil {
			return err
		}
		_, err := c.client.CoreV1().ServiceAccounts(metav1.NamespaceDefault).Get(ctx, "default", metav1.GetOptions{})
		return err
	})
}

func (c *Cluster) nodesReady(ctx context.Context) error {
	nodes, err := c.client.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	ready := 0
	for _, node := range nodes.Items {
		for _, condition := range node.Status.Conditions {
			if condition.Type == corev1.NodeReady && condition.Status == corev1.ConditionTrue {
				ready++
			}
		}
	}
	if ready != c.state.Options.Nodes {
		return fmt.Errorf("%d of %d nodes ready", ready, c.state.Options.Nodes)
	}
	return nil
}

func (c *Cluster) proxiesReady(ctx context.Context) error {
	p := newPlan(c.state.Options.Subnet)
	for n := 1; n <= c.state.Options.Nodes; n++ {
		url := fmt.Sprintf("http://%s:%d/healthz", p.node(n), proxyHealthPort)
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return err
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			return err
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			return fmt.Errorf("kube-proxy of %s answers %s", NodeName(n), resp.Status)
		}
	}
	return nil
}

// Eventually calls try until it returns nil, and fails with its last error
// when ctx ends.
func Eventually(ctx context.Context, try func(context.Context) error) error {
	for {
		err := try(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", ctx.Err(), err)
		case <-time.After(pollEvery):
		}
	}
}
