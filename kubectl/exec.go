package kubectl

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/remotecommand"
	"k8s.io/client-go/util/exec"
	"k8s.io/streaming/pkg/httpstream"

	"github.com/sipring/sipring/controllers/desired"
)

// Runner runs a program in the proxy's container of a pod.
type Runner interface {
	// Run returns a util/exec.ExitError where the program ends with another code
	// than 0, and any other error where it could not be run.
	Run(ctx context.Context, pod *corev1.Pod, command []string, stdout, stderr io.Writer) error
}

// remote runs by the API server's exec.
type remote struct {
	config *rest.Config
	client rest.Interface
}

// Run implements Runner: over WebSocket, and over SPDY where the API server has none.
func (r *remote) Run(ctx context.Context, pod *corev1.Pod, command []string, stdout, stderr io.Writer) error {
	url := r.client.Post().Namespace(pod.Namespace).Resource("pods").Name(pod.Name).SubResource("exec").
		VersionedParams(&corev1.PodExecOptions{Container: desired.Container, Command: command, Stdout: true, Stderr: true}, scheme.ParameterCodec).URL()
	socket, err := remotecommand.NewWebSocketExecutor(r.config, "GET", url.String())
	if err != nil {
		return err
	}
	spdy, err := remotecommand.NewSPDYExecutor(r.config, "POST", url)
	if err != nil {
		return err
	}
	both, err := remotecommand.NewFallbackExecutor(socket, spdy, func(err error) bool {
		return httpstream.IsUpgradeFailure(err) || httpstream.IsHTTPSProxyError(err)
	})
	if err != nil {
		return err
	}
	return both.StreamWithContext(ctx, remotecommand.StreamOptions{Stdout: stdout, Stderr: stderr})
}

// binary is the program in the image.
const binary = "/sipring"

// maxReason bounds what is read of a program's error.
const maxReason = 4 << 10

// run runs a subcommand of sipring in a pod, and gives what it writes to out. Its error
// begins with the pod, but one for want of the right.
func (a *api) run(ctx context.Context, pod *corev1.Pod, out io.Writer, subcommand string, args ...string) error {
	err := a.program(ctx, pod, out, subcommand, args...)
	var lack *lackError
	if err == nil || errors.As(err, &lack) {
		return err
	}
	return fmt.Errorf("%s: %w", pod.Name, err)
}

// program is run, with an error that names the pod only where another program does.
func (a *api) program(ctx context.Context, pod *corev1.Pod, out io.Writer, subcommand string, args ...string) error {
	if pod.Status.Phase != corev1.PodRunning {
		return fmt.Errorf("its pod is %s", pod.Status.Phase)
	}
	reason := &bounded{left: maxReason}
	err := a.runner.Run(ctx, pod, append([]string{binary, subcommand}, args...), out, reason)
	var exit exec.ExitError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &exit) && exit.Exited():
		return errors.New(because(subcommand, exit, reason.String()))
	case forbidden(err):
		return &lackError{verb: "create", resource: "pods/exec", namespace: pod.Namespace, cause: fmt.Errorf("%w (the ClusterRole sipring-subscribers has it)", err)}
	}
	return err
}

// because says why the program ended.
func because(subcommand string, exit exec.ExitError, stderr string) string {
	text := strings.TrimPrefix(strings.TrimSpace(stderr), "sipring: ")
	switch {
	case strings.Contains(text, "unknown command"):
		return fmt.Sprintf("its version of sipring has no subcommand %s: update the cluster", subcommand)
	case text == "":
		return fmt.Sprintf("sipring %s ended with code %d", subcommand, exit.ExitStatus())
	}
	return text
}

// forbidden: the API server said 403, which for exec comes as text in an error of the
// upgrade.
func forbidden(err error) bool {
	return strings.Contains(strings.ToLower(err.Error()), "forbidden")
}

// bounded keeps the beginning of what is written to it.
type bounded struct {
	b        strings.Builder
	left     int
	overflow bool
}

// Write implements io.Writer.
func (w *bounded) Write(p []byte) (int, error) {
	n := min(len(p), w.left)
	w.b.Write(p[:n])
	w.left -= n
	w.overflow = w.overflow || n < len(p)
	return len(p), nil
}

func (w *bounded) String() string { return w.b.String() }
