package kubectl

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/sipring/sipring/api/v1alpha1"
	"github.com/sipring/sipring/controllers/desired"
)

// api is the way to the API server.
type api struct {
	namespace string // that of the flags or of the context
	config    *rest.Config
	kube      kubernetes.Interface
	sip       rest.Interface
	runner    Runner
	now       func() time.Time
	patience  time.Duration // for one answer of an admin port, by each way
	// unreached has the pods whose admin ports are asked by a program in them, by UID,
	// and why.
	unreached sync.Map
}

func (p *plugin) api() (*api, error) {
	namespace, _, err := p.flags.ToRawKubeConfigLoader().Namespace()
	if err != nil {
		return nil, err
	}
	config, err := p.flags.ToRESTConfig()
	if err != nil {
		return nil, err
	}
	config = rest.CopyConfig(config)
	config.QPS = -1 // the API server has its own limits, and no more is asked than a few questions at a time
	config.UserAgent = "kubectl-sip/" + cmp.Or(p.Version, "unknown")
	a := &api{namespace: namespace, config: config, runner: p.Runner, now: p.Now, patience: p.Patience}
	if a.kube, err = kubernetes.NewForConfig(config); err != nil {
		return nil, err
	}
	if a.sip, err = sipClient(config); err != nil {
		return nil, err
	}
	if a.runner == nil {
		a.runner = &remote{config: config, client: a.kube.CoreV1().RESTClient()}
	}
	return a, nil
}

// reach is the API server and the SIPCluster of that name, as one has it.
func (p *plugin) reach(ctx context.Context, name string) (*api, *v1alpha1.SIPCluster, error) {
	a, err := p.api()
	if err != nil {
		return nil, nil, err
	}
	c, err := a.one(ctx, name)
	return a, c, err
}

// members is the API server and the pods of the SIPCluster that is meant, one at
// least.
func (p *plugin) members(ctx context.Context) (*api, []corev1.Pod, error) {
	a, c, err := p.reach(ctx, p.cluster)
	if err != nil {
		return nil, nil, err
	}
	pods, err := a.somePods(ctx, c)
	return a, pods, err
}

// sipClient reads and writes SIPClusters.
func sipClient(config *rest.Config) (rest.Interface, error) {
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		return nil, err
	}
	metav1.AddToGroupVersion(scheme, v1alpha1.GroupVersion)
	c := rest.CopyConfig(config)
	c.GroupVersion, c.APIPath = &v1alpha1.GroupVersion, "/apis"
	c.NegotiatedSerializer = serializer.NewCodecFactory(scheme).WithoutConversion()
	return rest.RESTClientFor(c)
}

const resourceClusters = "sipclusters"

// clusters lists the SIPClusters of a namespace, of all where it is empty.
func (a *api) clusters(ctx context.Context, namespace string) ([]v1alpha1.SIPCluster, error) {
	list := &v1alpha1.SIPClusterList{}
	if err := a.sip.Get().NamespaceIfScoped(namespace, namespace != "").Resource(resourceClusters).Do(ctx).Into(list); err != nil {
		return nil, lacks(err, "list", "sipclusters.sipring.io", namespace)
	}
	return list.Items, nil
}

// named reads the SIPCluster of that name.
func (a *api) named(ctx context.Context, name string) (*v1alpha1.SIPCluster, error) {
	c := &v1alpha1.SIPCluster{}
	if err := a.sip.Get().Namespace(a.namespace).Resource(resourceClusters).Name(name).Do(ctx).Into(c); err != nil {
		return nil, lacks(err, "get", "sipclusters.sipring.io", a.namespace)
	}
	return c, nil
}

// one is the SIPCluster of that name or, without a name, the only one that there is.
func (a *api) one(ctx context.Context, name string) (*v1alpha1.SIPCluster, error) {
	if name != "" {
		return a.named(ctx, name)
	}
	all, err := a.clusters(ctx, a.namespace)
	switch {
	case err != nil:
		return nil, err
	case len(all) == 0:
		return nil, noCluster(a.namespace)
	case len(all) > 1:
		var names []string
		for i := range all {
			names = append(names, all[i].Name)
		}
		slices.Sort(names)
		return nil, fmt.Errorf("namespace %q has several SIPClusters: say which of %s", a.namespace, strings.Join(names, ", "))
	}
	return &all[0], nil
}

func noCluster(namespace string) error {
	if namespace == "" {
		return fmt.Errorf("there is no SIPCluster in any namespace")
	}
	return fmt.Errorf("there is no SIPCluster in namespace %q (-n names another, and `kubectl sip status -A` shows all)", namespace)
}

// patch merges a change into a SIPCluster.
func (a *api) patch(ctx context.Context, c *v1alpha1.SIPCluster, change []byte) error {
	err := a.sip.Patch(types.MergePatchType).Namespace(c.Namespace).Resource(resourceClusters).Name(c.Name).Body(change).Do(ctx).Error()
	return lacks(err, "patch", "sipclusters.sipring.io", c.Namespace)
}

// pods lists the proxies of a SIPCluster by ordinal.
func (a *api) pods(ctx context.Context, c *v1alpha1.SIPCluster) ([]corev1.Pod, error) {
	list, err := a.kube.CoreV1().Pods(c.Namespace).List(ctx, metav1.ListOptions{LabelSelector: desired.Selector(c.Name)})
	if err != nil {
		return nil, lacks(err, "list", "pods", c.Namespace)
	}
	slices.SortFunc(list.Items, func(x, y corev1.Pod) int { return byOrdinal(c.Name, x.Name, y.Name) })
	return list.Items, nil
}

// somePods are the pods, of which there is at least one.
func (a *api) somePods(ctx context.Context, c *v1alpha1.SIPCluster) ([]corev1.Pod, error) {
	pods, err := a.pods(ctx, c)
	if err == nil && len(pods) == 0 {
		err = fmt.Errorf("SIPCluster %s/%s has no pods: see `kubectl sip status %s -n %s`", c.Namespace, c.Name, c.Name, c.Namespace)
	}
	return pods, err
}

// byOrdinal compares the names of two pods: as numbers, where both have one.
func byOrdinal(cluster, x, y string) int {
	i, one := desired.Ordinal(cluster, x)
	k, two := desired.Ordinal(cluster, y)
	if one && two {
		return cmp.Compare(i, k)
	}
	return strings.Compare(x, y)
}
