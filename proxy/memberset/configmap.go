package memberset

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes"

	"github.com/sipring/sipring/proxy/config"
)

// Timing of the watch.
const (
	minWatchBackoff = 250 * time.Millisecond
	maxWatchBackoff = 15 * time.Second
	// watchFor is how long the server keeps one watch, at least; up to twice that.
	watchFor = 4 * time.Minute
)

// ConfigMap follows one ConfigMap through the API, and beside it the mounted
// copy, from which the proxy starts and lives while the API is away.
//
// It asks for a watch without a resourceVersion: the server then sends the
// object as it is and every change after it. So one request does for get and
// watch, and no version can expire meanwhile.
type ConfigMap struct {
	client          kubernetes.Interface
	namespace, name string
	mounted         *File // nil: none
	backoff         wait.Backoff
	gate            *gate
}

// NewConfigMap follows the ConfigMap namespace/name and the copy mounted at the
// path, which may be empty. The account needs list and watch on that one name.
// parse and log may be nil, as of NewFile.
func NewConfigMap(client kubernetes.Interface, namespace, name, mounted string, parse Parse, log *slog.Logger) *ConfigMap {
	c := &ConfigMap{
		client: client, namespace: namespace, name: name, gate: newGate(parse, log),
		backoff: backoff(minWatchBackoff, maxWatchBackoff),
	}
	if mounted != "" {
		c.mounted = &File{path: mounted, poll: pollInterval, gate: c.gate}
	}
	return c
}

// Run implements Source.
func (c *ConfigMap) Run(ctx context.Context, apply func(*config.MemberSet)) {
	c.gate.use(apply)
	followed := make(chan struct{})
	go func() {
		defer close(followed)
		if c.mounted != nil {
			c.mounted.follow(ctx)
		}
	}()
	c.follow(ctx)
	<-followed
}

// Again implements Source.
func (c *ConfigMap) Again() { c.gate.again() }

// Counters implements Source.
func (c *ConfigMap) Counters() Counters { return c.gate.snapshot() }

func (c *ConfigMap) follow(ctx context.Context) {
	away, delay := false, c.backoff.DelayFunc()
	for ctx.Err() == nil {
		began := time.Now()
		err := c.watch(ctx, func() {
			if away {
				c.gate.log.Info("member set is watched again", "configmap", c.name)
			}
			away = false
			c.gate.update(func(n *Counters) { n.APIConnected = true })
		})
		if ctx.Err() != nil {
			return
		}
		c.gate.update(func(n *Counters) {
			n.APIConnected = false
			if err != nil {
				n.APIFailures++
			}
		})
		if err != nil && !away {
			away = true
			c.gate.log.Warn("member set is not watched", "configmap", c.name, "error", err)
		}
		if time.Since(began) > maxWatchBackoff {
			delay = c.backoff.DelayFunc()
		}
		pause(ctx, delay())
	}
}

// watch offers every state of the object until the watch ends. Its time being
// over is no error.
func (c *ConfigMap) watch(ctx context.Context, connected func()) error {
	seconds := int64((watchFor + rand.N(watchFor)).Seconds())
	w, err := c.client.CoreV1().ConfigMaps(c.namespace).Watch(ctx, metav1.ListOptions{
		FieldSelector:  fields.OneTermEqualSelector(metav1.ObjectNameField, c.name).String(),
		TimeoutSeconds: &seconds,
	})
	if err != nil {
		return fmt.Errorf("watch ConfigMap %s/%s: %w", c.namespace, c.name, err)
	}
	defer w.Stop()
	connected()
	for event := range w.ResultChan() {
		if err := c.take(event); err != nil {
			return fmt.Errorf("watch ConfigMap %s/%s: %w", c.namespace, c.name, err)
		}
	}
	return nil
}

func (c *ConfigMap) take(event watch.Event) error {
	switch event.Type {
	case watch.Error:
		return apierrors.FromObject(event.Object)
	case watch.Added, watch.Modified:
	case watch.Deleted:
		c.gate.log.Warn("member set deleted; the last one stays in force", "configmap", c.name)
		return nil
	default:
		return nil
	}
	object, ok := event.Object.(*corev1.ConfigMap)
	if !ok || object.Name != c.name {
		return errors.New("the server sent something else")
	}
	c.gate.offer("api", []byte(object.Data[config.MembersKey]))
	return nil
}
