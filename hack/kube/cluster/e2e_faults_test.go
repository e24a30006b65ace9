//go:build linux && e2e

package cluster_test

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sys/unix"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// killContainer: the process dies, kubelet starts another.
func (s *scenario) killContainer() {
	pod := s.pods[0]
	killed, err := s.c.KillContainerProcess(s.Context(), namespace, pod.Name, "echo", unix.SIGKILL)
	if err != nil {
		s.Fatal(err)
	}
	s.Logf("killed process %d", killed.PID)
	s.eventually(30*time.Second, func(ctx context.Context) error {
		p, err := s.c.Client().CoreV1().Pods(namespace).Get(ctx, pod.Name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		status := p.Status.ContainerStatuses[0]
		if status.RestartCount != 1 || !ready(p) {
			return fmt.Errorf("%d restarts, ready %t", status.RestartCount, ready(p))
		}
		if end := status.LastTerminationState.Terminated; end == nil || end.ExitCode != 128+int32(unix.SIGKILL) {
			return fmt.Errorf("ended with %+v", end)
		}
		return nil
	})
	s.done("killed container is back")
}

// partition: two sides do not reach each other, and both reach the rest.
func (s *scenario) partition() {
	a, b, c := s.pods[0], s.pods[1], s.pods[2]
	err := s.c.Partition(s.Context(), []string{a.Spec.NodeName}, []string{b.Spec.NodeName})
	if err != nil {
		s.Fatal(err)
	}
	for _, pair := range [][2]*corev1.Pod{{a, b}, {b, a}} {
		if got, err := s.get(s.Context(), url(pair[0])+"/relay?url="+url(pair[1])); err == nil {
			s.Errorf("%s reaches %s across the partition: %q", pair[0].Name, pair[1].Name, got)
		}
	}
	for _, pair := range [][2]*corev1.Pod{{a, c}, {c, b}} {
		if _, err := s.get(s.Context(), url(pair[0])+"/relay?url="+url(pair[1])); err != nil {
			s.Errorf("%s does not reach %s, which is in no group: %v", pair[0].Name, pair[1].Name, err)
		}
	}
	if err := s.c.Partition(s.Context()); err != nil {
		s.Fatal(err)
	}
	if _, err := s.get(s.Context(), url(a)+"/relay?url="+url(b)); err != nil {
		s.Errorf("%s does not reach %s after the partition: %v", a.Name, b.Name, err)
	}
	s.done("partition")
}

// cutAndHeal: a cut node's pod is out of reach and its route withdrawn, but it
// lives: healed, the same process answers.
func (s *scenario) cutAndHeal() {
	pod, node := s.pods[1], s.pods[1].Spec.NodeName
	if err := s.c.CutNode(s.Context(), node); err != nil {
		s.Fatal(err)
	}
	s.eventually(15*time.Second, func(ctx context.Context) error { return s.onlyReaches(ctx, nodes-1) })
	s.done("node cut, its route withdrawn")
	if got, err := s.get(s.Context(), url(pod)); err == nil {
		s.Errorf("pod on cut node answers %q", got)
	}
	s.begin = time.Now()
	if err := s.c.HealNode(s.Context(), node); err != nil {
		s.Fatal(err)
	}
	s.eventually(10*time.Second, func(ctx context.Context) error {
		if _, err := s.get(ctx, url(pod)); err != nil {
			return err
		}
		return s.onlyReaches(ctx, nodes)
	})
	s.done("node healed, its route back")
	p, err := s.c.Client().CoreV1().Pods(namespace).Get(s.Context(), pod.Name, metav1.GetOptions{})
	if err != nil {
		s.Fatal(err)
	}
	if restarts := p.Status.ContainerStatuses[0].RestartCount; restarts != 0 {
		s.Errorf("pod on cut node was started again %d times", restarts)
	}
}
