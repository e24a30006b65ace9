package controllers

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/selection"
	"k8s.io/apimachinery/pkg/util/uuid"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/sipring/sipring/api/v1alpha1"
	"github.com/sipring/sipring/controllers/desired"
	"github.com/sipring/sipring/proxy/config"
)

// Leadership says how long the operator's lease lasts. Shorter takes over
// sooner from a dead leader and costs more requests and tolerates less delay of
// the API server.
type Leadership struct {
	// Elect: several operators run, and one leads.
	Elect bool
	// Namespace of the lease; empty: the operator's own.
	Namespace string
	// ID is the lease's name, the same for all operators of which one leads;
	// empty: DefaultLeaderElectionID.
	ID string
	// Lease is after how long a silent leader is succeeded; Renew how long a
	// leader tries before it gives up, below Lease; Retry how often anybody
	// tries, below Renew.
	Lease, Renew, Retry time.Duration
}

// ManagerOptions of the operator.
type ManagerOptions struct {
	// MetricsAddress and HealthAddress are host:port; "0" turns one off.
	MetricsAddress, HealthAddress string
	Leadership                    Leadership
	// Namespaces that are watched; none: all.
	Namespaces []string
}

// DefaultLeaderElectionID is the name of the Lease by which operators elect
// their leader.
const DefaultLeaderElectionID = "sipring-operator"

// stopWithin is how long the operator finishes what it is at when it is asked to
// stop, below the grace period that Kubernetes gives a pod, which is 30 seconds.
const stopWithin = 10 * time.Second

// NewScheme knows Kubernetes' own types and ours.
func NewScheme() (*runtime.Scheme, error) {
	scheme := runtime.NewScheme()
	if err := clientgoscheme.AddToScheme(scheme); err != nil {
		return nil, err
	}
	return scheme, v1alpha1.AddToScheme(scheme)
}

// Manager runs the operator.
type Manager struct {
	ctrl.Manager
	// Identity is that of this installation: the same for all its processes, of
	// which one leads, before and after an upgrade.
	Identity string
	// Passing: no leader is elected, and the Identity is this process's alone.
	Passing bool

	endings *endings
}

// NewManager makes the manager that runs the operator until the context ends, the
// same that it is started with.
func NewManager(ctx context.Context, to *rest.Config, o ManagerOptions) (*Manager, error) {
	scheme, err := NewScheme()
	if err != nil {
		return nil, err
	}
	caching, err := cacheOptions(o.Namespaces)
	if err != nil {
		return nil, err
	}
	to = rest.CopyConfig(to)
	to.QPS = -1 // the API server's own fairness is the limit: a failover waits for no bucket
	to.Wrap(withDeadlines)
	ending := newEndings(time.Now)
	to.Wrap(ending.hear)
	rights, err := asker(to, o.Namespaces)
	if err != nil {
		return nil, err
	}
	var sees *sight
	mgr, err := ctrl.NewManager(to, ctrl.Options{
		Scheme: scheme,
		Cache:  caching,
		NewCache: func(to *rest.Config, o cache.Options) (cache.Cache, error) {
			sees, err = newSight(ctx, to, o, rights)
			return sees, err
		},
		Metrics:                       metricsserver.Options{BindAddress: o.MetricsAddress},
		HealthProbeBindAddress:        o.HealthAddress,
		LeaderElection:                o.Leadership.Elect,
		LeaderElectionID:              cmp.Or(o.Leadership.ID, DefaultLeaderElectionID),
		LeaderElectionNamespace:       o.Leadership.Namespace,
		LeaderElectionReleaseOnCancel: true,
		LeaseDuration:                 &o.Leadership.Lease,
		RenewDeadline:                 &o.Leadership.Renew,
		RetryPeriod:                   &o.Leadership.Retry,
		GracefulShutdownTimeout:       new(stopWithin),
	})
	if err != nil {
		return nil, fmt.Errorf("make the manager: %w", err)
	}
	if err := mgr.AddHealthzCheck("ping", healthz.Ping); err != nil {
		return nil, err
	}
	return &Manager{Manager: mgr, Identity: o.Leadership.identity(), Passing: !o.Leadership.Elect, endings: ending}, mgr.AddReadyzCheck("sight", sees.Check)
}

// ownNamespace is where a pod reads the name of its namespace.
const ownNamespace = "/var/run/secrets/kubernetes.io/serviceaccount/namespace"

// identity is the name of the leaders' lease, which is what the processes of an
// installation share; without one, of the process.
func (l *Leadership) identity() string {
	if !l.Elect {
		host, _ := os.Hostname()
		return host + "_" + string(uuid.NewUUID())
	}
	namespace := l.Namespace
	if namespace == "" {
		text, _ := os.ReadFile(ownNamespace) // without it there is no manager
		namespace = strings.TrimSpace(string(text))
	}
	return namespace + "/" + cmp.Or(l.ID, DefaultLeaderElectionID)
}

// cacheOptions limit the cache to what carries our label, and to what is read
// of it.
func cacheOptions(namespaces []string) (cache.Options, error) {
	ours, err := labels.NewRequirement(config.LabelCluster, selection.Exists, nil)
	if err != nil {
		return cache.Options{}, err
	}
	o := cache.Options{
		DefaultLabelSelector: labels.NewSelector().Add(*ours),
		DefaultTransform:     cache.TransformStripManagedFields(),
		ByObject: map[client.Object]cache.ByObject{
			&v1alpha1.SIPCluster{}: {Label: labels.Everything()},
			&corev1.Node{}:         {Label: labels.Everything(), Transform: slimNode},
		},
	}
	for _, n := range namespaces {
		if o.DefaultNamespaces == nil {
			o.DefaultNamespaces = map[string]cache.Config{}
		}
		o.DefaultNamespaces[n] = cache.Config{}
	}
	return o, nil
}

// slimNode keeps of a node what is read of it.
func slimNode(o any) (any, error) {
	node, ok := o.(*corev1.Node)
	if !ok {
		return o, nil
	}
	slim := &corev1.Node{
		TypeMeta: node.TypeMeta,
		ObjectMeta: metav1.ObjectMeta{
			Name: node.Name, UID: node.UID, ResourceVersion: node.ResourceVersion, DeletionTimestamp: node.DeletionTimestamp,
			Labels: map[string]string{corev1.LabelTopologyZone: node.Labels[corev1.LabelTopologyZone]},
		},
	}
	if c := nodeReady(node); c.Type != "" {
		slim.Status.Conditions = []corev1.NodeCondition{{Type: c.Type, Status: c.Status, LastTransitionTime: c.LastTransitionTime}}
	}
	return slim, nil
}

// PodOptions are about the proxies' pods.
type PodOptions struct {
	// Image of proxies whose SIPCluster names none.
	Image string
	// Templates is how far spec.template may go; nil: the pod security standard
	// restricted.
	Templates *desired.TemplatePolicy
	// Rolling says how a change of them that comes with the operator reaches the
	// SIPClusters.
	Rolling Rolling
}

// AddTo makes a manager run the operator: its Reconciler, with its metrics in
// the registry.
func AddTo(ctx context.Context, mgr *Manager, registry prometheus.Registerer, pods PodOptions) error {
	metrics, err := NewMetrics(registry)
	if err != nil {
		return err
	}
	r := NewReconciler(Options{
		Client:    mgr.GetClient(),
		Live:      mgr.GetAPIReader(),
		Recorder:  mgr.GetEventRecorder(desired.FieldOwner),
		Metrics:   metrics,
		Image:     pods.Image,
		Templates: pods.Templates,
		Rolling:   pods.Rolling,
		Elected:   mgr.Elected(),
		Identity:  mgr.Identity,
		Passing:   mgr.Passing,
		endings:   mgr.endings,
	})
	return r.Setup(ctx, mgr)
}
