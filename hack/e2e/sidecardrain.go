//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// leavingStep is one of a pod that goes, by a line of one of its logs.
type leavingStep struct {
	what, container, line string
}

// leavingSteps in their order.
var leavingSteps = []leavingStep{
	{"preStop began", "proxy", "draining: asked over the control socket"},
	{"new calls go elsewhere", "proxy", "the application gets no new calls"},
	{"the proxy is not ready any more", "proxy", "not ready any more"},
	{"the last call ended", "echo", "the last call has ended"},
	{"the application exits", "echo", "msg=exits"},
	{"the proxy is told to end", "proxy", "stopping: handing over"},
	{"the proxy exits", "proxy", "handed over"},
}

// podDeleted: its calls end by themselves while it drains, and its logs have the steps in
// their order.
func podDeleted(ctx context.Context, s *sidecar) error {
	const victim, place = "apps-1", 1
	up, _, err := s.upAt(ctx, victim, 5)
	if err != nil {
		return err
	}
	began := time.Now()
	logs := map[string]chan string{}
	for _, container := range []string{"proxy", echoContainer} {
		logs[container] = make(chan string, 1)
		go func() {
			out, err := s.kube.kubectl(ctx, "--namespace", namespace, "logs", "--follow", "--timestamps", "--since-time="+began.UTC().Format(time.RFC3339), victim, "-c", container)
			if err != nil {
				out += err.Error()
			}
			logs[container] <- out
		}()
	}
	err = s.meanwhile(ctx, func(ctx context.Context) error {
		pods, err := s.proxies.pods(ctx)
		if err != nil {
			return err
		}
		if _, err := s.kube.kubectl(ctx, "--namespace", namespace, "delete", "pod", victim, "--wait=false"); err != nil {
			return err
		}
		err = errors.Join(
			eventually(ctx, startLimit, func(ctx context.Context) error {
				st, err := s.status(ctx, &pods[place])
				if err == nil && !st.Leaving {
					err = errors.New("the application does not know that it is to go")
				}
				return err
			}),
			eventually(ctx, startLimit, func(ctx context.Context) error { return s.unready(ctx, &pods[place]) }))
		for _, c := range up {
			err = errors.Join(err, c.hangUp(ctx))
		}
		return errors.Join(err, s.serve(ctx, 3))
	})
	return errors.Join(err, s.inOrder(victim, began, map[string]string{"proxy": <-logs["proxy"], echoContainer: <-logs[echoContainer]}))
}

// unready returns nil if the proxy's container of a pod that goes is not ready any more.
func (s *sidecar) unready(ctx context.Context, pod *corev1.Pod) error {
	now, err := s.kube.cluster.Client().CoreV1().Pods(namespace).Get(ctx, pod.Name, metav1.GetOptions{})
	if err != nil {
		return err
	}
	for _, c := range now.Status.InitContainerStatuses {
		if now.UID == pod.UID && c.Name == "proxy" && c.Ready {
			return fmt.Errorf("the proxy of %s is still ready", pod.Name)
		}
	}
	return nil
}

// inOrder prints the steps of a pod that has gone, and is nil if they came in their order.
func (s *sidecar) inOrder(pod string, began time.Time, logs map[string]string) error {
	var said []string
	var errs []error
	var last, prestop time.Time
	for i, step := range leavingSteps {
		at, ok := firstLine(logs[step.container], step.line, last)
		if !ok {
			errs = append(errs, fmt.Errorf("%s, %q of %s, is not in its log, or before what comes before it", step.what, step.line, step.container))
			continue
		}
		if i == 0 {
			prestop = at
		}
		last = at
		said = append(said, fmt.Sprintf("%s +%d ms", step.what, at.Sub(began).Milliseconds()))
	}
	s.stage.step("%s goes: %s", pod, strings.Join(said, ", "))
	var newest time.Time
	for _, at := range s.taken[pod] {
		if at.Before(last) && at.After(newest) { // after that it is the next pod's
			newest = at
		}
	}
	if newest.IsZero() {
		newest = began // none at all
	}
	s.stage.step("the last new call that %s took was answered %d ms after its preStop began", pod, newest.Sub(prestop).Milliseconds())
	if late := newest.Sub(prestop); late > time.Second {
		errs = append(errs, fmt.Errorf("%s took a new call %v after its preStop began", pod, late))
	}
	if len(errs) > 0 {
		for container, text := range logs {
			errs = append(errs, fmt.Errorf("log of %s:\n%s", container, text))
		}
	}
	return errors.Join(errs...)
}

// firstLine is the time of the first line that has that text, not before a time.
func firstLine(log, text string, from time.Time) (time.Time, bool) {
	for line := range strings.Lines(log) {
		stamp, rest, _ := strings.Cut(line, " ")
		at, err := time.Parse(time.RFC3339Nano, stamp)
		if err == nil && strings.Contains(rest, text) && !at.Before(from) {
			return at, true
		}
	}
	return time.Time{}, false
}

// saysHowLong is nil if so many Events say for how long a pod's calls are waited for.
func (s *sidecar) saysHowLong(ctx context.Context, want int) error {
	events, err := s.kube.cluster.Client().CoreV1().Events(namespace).List(ctx, metav1.ListOptions{FieldSelector: "reason=MemberDraining,involvedObject.kind=Pod"})
	if err != nil {
		return err
	}
	told := map[string]string{}
	for _, e := range events.Items {
		if strings.Contains(e.Message, "waits up to 60 s for the calls of its application") {
			told[string(e.InvolvedObject.UID)] = e.Message
		}
	}
	for _, message := range told {
		s.stage.step("Event MemberDraining: %s", message)
		break
	}
	if len(told) < want {
		return fmt.Errorf("%d pods have said for how long their calls are waited for, want %d", len(told), want)
	}
	return nil
}
