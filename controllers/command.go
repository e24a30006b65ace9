package controllers

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/go-logr/logr"
	"github.com/spf13/cobra"
	"k8s.io/klog/v2"
	ctrl "sigs.k8s.io/controller-runtime"
	ctrlmetrics "sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/sipring/sipring/controllers/desired"
)

// DefaultImage is that of proxies where neither the SIPCluster, nor the flag,
// nor the environment names one.
const DefaultImage = "ghcr.io/sipring/sipring:v0.1.0"

// imageVariable of the environment names the proxies' image.
const imageVariable = "SIPRING_PROXY_IMAGE"

const longHelp = `Carry out the SIPClusters of a Kubernetes cluster: run their proxies, watch
them, and publish who is a member.

Several operators may run at once; one leads. With the default lease another
takes over about 4 seconds after the leader's node dies, and at once when the
leader is stopped. Meanwhile the proxies go on with what was published last and
leave out by themselves those that they do not reach.`

// commandOptions are the flags of the command.
type commandOptions struct {
	manager  ManagerOptions
	image    string
	rolling  Rolling
	security string
	allow    []string
	logLevel string
}

// NewCommand is `sipring operator`.
func NewCommand() *cobra.Command {
	o := &commandOptions{}
	cmd := &cobra.Command{
		Use:   "operator",
		Short: "Run the Kubernetes operator",
		Long:  longHelp,
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return o.run(cmd) },
	}
	image := os.Getenv(imageVariable)
	if image == "" {
		image = DefaultImage
	}
	l := &o.manager.Leadership
	f := cmd.Flags()
	f.StringVar(&o.manager.MetricsAddress, "metrics-address", ":8080", "where /metrics is served; 0 turns it off")
	f.StringVar(&o.manager.HealthAddress, "health-address", ":8081", "where /healthz and /readyz are served; 0 turns it off")
	f.StringSliceVar(&o.manager.Namespaces, "namespaces", nil, "namespaces to watch, separated by commas (default all)")
	f.BoolVar(&l.Elect, "leader-elect", false, "elect a leader: needed where several operators run")
	f.StringVar(&l.Namespace, "leader-elect-namespace", "", "namespace of the leader's lease (default the operator's own)")
	f.StringVar(&l.ID, "leader-election-id", DefaultLeaderElectionID, "name of the leader's lease: another one for operators that do not stand in for these")
	f.DurationVar(&l.Lease, "leader-elect-lease", 4*time.Second, "after how long a silent leader is succeeded")
	f.DurationVar(&l.Renew, "leader-elect-renew", 3*time.Second, "how long a leader tries to renew before it gives up")
	f.DurationVar(&l.Retry, "leader-elect-retry", time.Second, "how often to try to lead or renew")
	f.StringVar(&o.image, "proxy-image", image, "image of proxies whose SIPCluster names none (or "+imageVariable+")")
	f.IntVar(&o.rolling.Clusters, "max-rolling-clusters", 1, "how many SIPClusters have their pods replaced at once because the operator is another one; 0: any number")
	f.DurationVar(&o.rolling.Pause, "rolling-pause", 30*time.Second, "how long after one is done until the next takes its place")
	f.StringVar(&o.security, "template-pod-security", "restricted", "pod security standard that spec.template is held to: restricted, baseline or privileged")
	f.StringSliceVar(&o.allow, "template-allow", nil, "what spec.template may have beyond it, by name: hostNetwork")
	f.StringVar(&o.logLevel, "log-level", "info", "debug, info, warn or error")
	return cmd
}

func (o *commandOptions) run(cmd *cobra.Command) error {
	if err := setLogger(o.logLevel); err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if o.rolling.Clusters < 0 || o.rolling.Pause < 0 {
		return errors.New("--max-rolling-clusters and --rolling-pause cannot be below 0")
	}
	templates, err := desired.NewTemplatePolicy(o.security, o.allow)
	if err != nil {
		return fmt.Errorf("--template-pod-security, --template-allow: %w", err)
	}
	to, err := ctrl.GetConfig()
	if err != nil {
		return fmt.Errorf("find the Kubernetes API (in the cluster, or by KUBECONFIG): %w", err)
	}
	mgr, err := NewManager(ctx, to, o.manager)
	if err != nil {
		return err
	}
	if err := AddTo(ctx, mgr, ctrlmetrics.Registry, PodOptions{Image: o.image, Templates: templates, Rolling: o.rolling}); err != nil {
		return fmt.Errorf("set up the controller: %w", err)
	}
	return run(ctx, mgr.Start)
}

// run starts the manager, and returns no later than some seconds after the context
// has ended, whatever is stuck.
func run(ctx context.Context, start func(context.Context) error) error {
	ended := make(chan error, 1)
	go func() { ended <- start(ctx) }()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	select {
	case err := <-ended:
		return err
	case <-time.After(stopWithin + 5*time.Second):
		return fmt.Errorf("asked to stop, it did not in %v: something is stuck", stopWithin+5*time.Second)
	}
}

// setLogger makes one JSON log of the operator's lines and its libraries'.
func setLogger(level string) error {
	var l slog.Level
	if err := l.UnmarshalText([]byte(level)); err != nil {
		return fmt.Errorf("--log-level %q is not one of debug, info, warn, error", level)
	}
	handler := slog.NewJSONHandler(os.Stderr, &slog.HandlerOptions{Level: l})
	ctrl.SetLogger(logr.FromSlogHandler(handler))
	klog.SetSlogLogger(slog.New(handler))
	return nil
}
