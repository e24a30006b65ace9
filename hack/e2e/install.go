//go:build linux

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sipring/sipring/api/v1alpha1"
	"github.com/sipring/sipring/proxy/config"
)

const crdName = "sipclusters.sipring.io"

// Where `kubectl apply -k config/default` installs, and where the sample runs.
const (
	systemNamespace = "sipring-system"
	sampleCluster   = "ring"
)

// vacant makes sure that the installations of this run meet no other. In the
// local cluster it removes what a run with --keep left; in a cluster of the
// user's own it removes nothing, as every SIPCluster would go with the CRD.
func (e *env) vacant(ctx context.Context) error {
	if e.cluster.Local() {
		return e.helm(ctx, "uninstall", release, "--namespace", operatorNamespace, "--ignore-not-found", "--wait")
	}
	found, err := e.kubectl(ctx, "get", "crd/"+crdName, "namespace/"+namespace, "namespace/"+operatorNamespace, "namespace/"+systemNamespace,
		"--ignore-not-found", "-o", "name")
	if err == nil && found != "" {
		err = fmt.Errorf("the cluster of %s has what this run would make and remove: uninstall it, or name another cluster: %s",
			e.cluster.Kubeconfig(), strings.Join(strings.Fields(found), ", "))
	}
	if err != nil || e.o.keep {
		return err
	}
	before, err := e.inventory(ctx)
	if err != nil {
		return err
	}
	e.later(func(ctx context.Context) error { return e.unchanged(ctx, before) })
	return nil
}

// inventory lists what is installed for a whole cluster, by name.
func (e *env) inventory(ctx context.Context) (string, error) {
	return e.kubectl(ctx, "get", "namespaces,customresourcedefinitions,clusterroles,clusterrolebindings,priorityclasses", "-o", "name")
}

// unchanged waits until what a run made is gone, which takes namespaces a while.
func (e *env) unchanged(ctx context.Context, before string) error {
	return eventually(ctx, installLimit, func(ctx context.Context) error {
		now, err := e.inventory(ctx)
		if err != nil {
			return err
		}
		if extra, missing := difference(now, before), difference(before, now); len(extra)+len(missing) > 0 {
			return fmt.Errorf("left behind: %v, missing: %v", extra, missing)
		}
		return nil
	})
}

// difference are the lines of a that b has not and that may be ours: others may
// use the cluster meanwhile.
func difference(a, b string) (only []string) {
	has := map[string]bool{}
	for line := range strings.Lines(b) {
		has[line] = true
	}
	for line := range strings.Lines(a) {
		if !has[line] && strings.Contains(line, "sipring") {
			only = append(only, strings.TrimSpace(line))
		}
	}
	return only
}

// kustomized installs by `kubectl apply -k config/default`, has the operator
// carry out the least sample, and removes both again.
func (e *env) kustomized(ctx context.Context) (err error) {
	// Again where the namespace of an earlier run is still on its way out.
	if err := eventually(ctx, installLimit, func(ctx context.Context) error {
		return e.applyDefault(ctx)
	}); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, e.unkustomized(context.WithoutCancel(ctx))) }()
	if _, err := e.kubectl(ctx, "wait", "--for=condition=Established", "crd/"+crdName, "--timeout=60s"); err != nil {
		return err
	}
	if _, err := e.kubectl(ctx, "apply", "-k", "config/samples", "--dry-run=server"); err != nil {
		return err
	}
	// Not where others' things are.
	if err := e.freshNamespace(ctx); err != nil {
		return err
	}
	if _, err := e.kubectl(ctx, "--namespace", namespace, "apply", "-f", "config/samples/least.yaml"); err != nil {
		return err
	}
	if err := eventually(ctx, installLimit, func(ctx context.Context) error { return e.serving(ctx, namespace, sampleCluster, 3) }); err != nil {
		return err
	}
	e.step("kubectl apply -k config/default: the operator runs config/samples/least.yaml, 3 of 3 proxies in the ring")
	if _, err := e.kubectl(ctx, "--namespace", namespace, "delete", "-f", "config/samples/least.yaml"); err != nil {
		return err
	}
	// Its pods go with it; nothing of it may be left when the CRD goes.
	return eventually(ctx, installLimit, func(ctx context.Context) error {
		pods, err := e.cluster.Client().CoreV1().Pods(namespace).List(ctx, metav1.ListOptions{LabelSelector: config.LabelCluster + "=" + sampleCluster})
		if err == nil && len(pods.Items) > 0 {
			err = fmt.Errorf("%d pods of the sample are left", len(pods.Items))
		}
		return err
	})
}

// applyDefault is `kubectl apply -k config/default`, with the image of this run
// in place of the one named there if that is another.
func (e *env) applyDefault(ctx context.Context) error {
	if e.o.image == defaultImage {
		_, err := e.kubectl(ctx, "apply", "-k", "config/default")
		return err
	}
	text, err := e.kubectl(ctx, "kustomize", "config/default")
	if err != nil {
		return err
	}
	path := filepath.Join(os.TempDir(), "default.yaml")
	if err := os.WriteFile(path, []byte(strings.ReplaceAll(text, defaultImage, e.o.image)), 0o600); err != nil {
		return err
	}
	_, err = e.kubectl(ctx, "apply", "-f", path)
	return err
}

// unkustomized removes what `kubectl apply -k` brought. The namespace may take
// longer: Kubernetes looks at it again only after pods' longest grace period.
func (e *env) unkustomized(ctx context.Context) error {
	if _, err := e.kubectl(ctx, "delete", "-k", "config/default", "--ignore-not-found", "--wait=false"); err != nil {
		return err
	}
	if _, err := e.kubectl(ctx, "wait", "--for=delete", "crd/"+crdName, "--timeout=60s"); err != nil {
		return err
	}
	return eventually(ctx, installLimit, func(ctx context.Context) error {
		pods, err := e.cluster.Client().CoreV1().Pods(systemNamespace).List(ctx, metav1.ListOptions{})
		if err == nil && len(pods.Items) > 0 {
			err = fmt.Errorf("%d pods of the operator are left", len(pods.Items))
		}
		return err
	})
}

// charted installs by the chart what the rest of the run is about.
func (e *env) charted(ctx context.Context) error {
	args := []string{"upgrade", "--install", release, "charts/sipring", "--namespace", operatorNamespace, "--create-namespace", "--wait"}
	if e.o.image != defaultImage {
		repository, tag, err := splitImage(e.o.image)
		if err != nil {
			return err
		}
		args = append(args, "--set-string", "image.repository="+repository, "--set-string", "image.tag="+tag)
	}
	if err := e.helm(ctx, args...); err != nil {
		return err
	}
	if !e.cluster.Local() && !e.o.keep {
		e.later(func(ctx context.Context) error {
			err := e.helm(ctx, "uninstall", release, "--namespace", operatorNamespace, "--wait")
			// The chart leaves the CRD. This run brought it: there was none.
			_, crd := e.kubectl(ctx, "delete", "crd", crdName, "--ignore-not-found", "--wait=false")
			return errors.Join(err, crd, e.cluster.Client().CoreV1().Namespaces().Delete(ctx, operatorNamespace, metav1.DeleteOptions{}))
		})
	}
	e.step("helm install: operator ready")
	return nil
}

// freshNamespace makes the namespace of the cluster under test, empty: what an
// earlier run or step left is removed first.
func (e *env) freshNamespace(ctx context.Context) error {
	client := e.cluster.Client().CoreV1().Namespaces()
	if err := client.Delete(ctx, namespace, metav1.DeleteOptions{}); err != nil && !apierrors.IsNotFound(err) {
		return err
	}
	if err := eventually(ctx, installLimit, func(ctx context.Context) error {
		_, err := e.kubectl(ctx, "create", "namespace", namespace)
		return err
	}); err != nil {
		return err
	}
	if !e.cluster.Local() && !e.o.keep {
		e.later(func(ctx context.Context) error {
			err := client.Delete(ctx, namespace, metav1.DeleteOptions{})
			if apierrors.IsNotFound(err) {
				return nil
			}
			return err
		})
	}
	return nil
}

// sampled creates the cluster under test.
func (e *env) sampled(ctx context.Context) error {
	if err := e.freshNamespace(ctx); err != nil {
		return err
	}
	if _, err := e.kubectl(ctx, "--namespace", namespace, "apply", "-f", "hack/e2e/manifests/sipcluster.yaml"); err != nil {
		return err
	}
	return eventually(ctx, installLimit, func(ctx context.Context) error {
		_, err := e.cluster.Client().CoreV1().Services(namespace).Get(ctx, sipCluster, metav1.GetOptions{})
		return err
	})
}

// serving returns nil once the SIPCluster has so many members in its ring, and
// no other member.
func (e *env) serving(ctx context.Context, namespace, name string, want int) error {
	c, err := e.sipCluster(ctx, namespace, name)
	if err != nil {
		return err
	}
	if s := c.Status; int(s.ActiveMembers) != want || int(s.TotalMembers) != want || len(s.Members) != want {
		return fmt.Errorf("SIPCluster %s: %d of %d members in the ring with %d known, want %d", name, s.ActiveMembers, s.TotalMembers, len(s.Members), want)
	}
	return nil
}

func (e *env) sipCluster(ctx context.Context, namespace, name string) (*v1alpha1.SIPCluster, error) {
	raw, err := e.cluster.Client().Discovery().RESTClient().Get().
		AbsPath("/apis", v1alpha1.GroupVersion.Group, v1alpha1.GroupVersion.Version, "namespaces", namespace, "sipclusters", name).DoRaw(ctx)
	if err != nil {
		return nil, err
	}
	c := &v1alpha1.SIPCluster{}
	return c, json.Unmarshal(raw, c)
}

func splitImage(image string) (repository, tag string, err error) {
	for i := len(image) - 1; i > 0 && image[i] != '/'; i-- {
		if image[i] == ':' {
			return image[:i], image[i+1:], nil
		}
	}
	return "", "", fmt.Errorf("image %q has no tag", image)
}
