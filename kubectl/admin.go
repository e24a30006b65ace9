package kubectl

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/sipring/sipring/controllers/desired"
)

// maxAnswer bounds what one proxy answers to one question, in bytes.
const maxAnswer = 4 << 20

// adminPage is a page of a proxy's admin port: its path, and what `sipring admin` has
// for it.
type adminPage struct{ path, word string }

var (
	pageStatus  = adminPage{"/v1/status", "status"}
	pageEvents  = adminPage{"/v1/events", "events"}
	pageMetrics = adminPage{"/metrics", "metrics"}
)

// askAdmin reads JSON from a proxy's admin port.
func (a *api) askAdmin(ctx context.Context, pod *corev1.Pod, page adminPage, into any) error {
	text, err := a.admin(ctx, pod, page)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, into); err != nil {
		return fmt.Errorf("its answer cannot be read: %w", err)
	}
	return nil
}

// admin reads a page of a proxy's admin port: by the API server's proxy to pods or,
// where that does not get there or is not allowed, by a program in the proxy's
// container. The port cannot be forwarded: that leads to the loopback address of the
// pod, where no proxy listens.
func (a *api) admin(ctx context.Context, pod *corev1.Pod, page adminPage) ([]byte, error) {
	if pod.Status.Phase != corev1.PodRunning {
		return nil, fmt.Errorf("its pod is %s", pod.Status.Phase)
	}
	port, ok := adminPort(pod)
	if !ok {
		return nil, fmt.Errorf("its pod has no container %q with a port admin", desired.Container)
	}
	proxied, known := a.unreached.Load(pod.UID)
	if !known {
		text, err := a.proxied(ctx, pod, port, page)
		if err == nil || ctx.Err() != nil || errors.Is(err, errLong) {
			return text, err
		}
		proxied = err
	}
	text, err := a.programmed(ctx, pod, port, page)
	if err != nil && !errors.Is(err, errLong) {
		return nil, &noWayError{proxied: proxied.(error), programmed: err}
	}
	a.unreached.Store(pod.UID, proxied)
	return text, err
}

// errLong is the error of an answer that is too long, whichever way it comes.
var errLong = fmt.Errorf("its answer is longer than %d bytes", maxAnswer)

// proxied reads a page by the API server's proxy to pods.
func (a *api) proxied(ctx context.Context, pod *corev1.Pod, port int32, page adminPage) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, a.patience)
	defer cancel()
	body, err := a.kube.CoreV1().Pods(pod.Namespace).ProxyGet("http", pod.Name, strconv.Itoa(int(port)), page.path, nil).Stream(ctx)
	if err != nil {
		if apierrors.IsForbidden(err) {
			err = fmt.Errorf("%w (the ClusterRole sipring-observers has it)", err)
		}
		return nil, a.unanswered(lacks(err, "get", "pods/proxy", pod.Namespace))
	}
	defer func() { _ = body.Close() }()
	text, err := io.ReadAll(io.LimitReader(body, maxAnswer+1))
	switch {
	case err != nil:
		return nil, a.unanswered(err)
	case len(text) > maxAnswer:
		return nil, errLong
	}
	return text, nil
}

// programmed reads a page by a program in the proxy's container.
func (a *api) programmed(ctx context.Context, pod *corev1.Pod, port int32, page adminPage) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, a.patience)
	defer cancel()
	out := &bounded{left: maxAnswer}
	at := net.JoinHostPort(pod.Status.PodIP, strconv.Itoa(int(port)))
	if err := a.program(ctx, pod, out, "admin", page.word, "--address="+at); err != nil {
		return nil, a.unanswered(err)
	}
	if out.overflow {
		return nil, errLong
	}
	return []byte(out.String()), nil
}

// unanswered says what an error of the way to a proxy means.
func (a *api) unanswered(err error) error {
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("no answer within %v", a.patience)
	case apierrors.IsServiceUnavailable(err):
		return fmt.Errorf("the API server does not reach it: %w", err)
	}
	return err
}

// noWayError is why an admin port was asked in vain, by either way.
type noWayError struct{ proxied, programmed error }

func (e *noWayError) Error() string {
	return fmt.Sprintf("by pods/proxy: %v; by pods/exec: %v", e.proxied, e.programmed)
}

func (e *noWayError) Unwrap() []error { return []error{e.proxied, e.programmed} }

// lacksBoth: it is for want of rights alone.
func (e *noWayError) lacksBoth() bool {
	var lack *lackError
	return errors.As(e.proxied, &lack) && errors.As(e.programmed, &lack)
}

func adminPort(pod *corev1.Pod) (int32, bool) {
	if c := desired.Proxy(&pod.Spec); c != nil {
		for _, p := range c.Ports {
			if p.Name == "admin" {
				return p.ContainerPort, true
			}
		}
	}
	return 0, false
}
