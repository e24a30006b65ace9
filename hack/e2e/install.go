//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sipring/sipring/demo/fleet"
	"github.com/sipring/sipring/proxy/config"
)

const crdName = "sipclusters.sipring.io"

// Where `kubectl apply -k config/default` installs, and where the sample runs.
const (
	systemNamespace = "sipring-system"
	sampleCluster   = "ring"
)

// voiceManifest is that of the cluster under test.
const voiceManifest = "hack/e2e/manifests/sipcluster.yaml"

// installation brings the program under test into the cluster and takes it out.
type installation struct {
	stage *stage
	kube  *kube
}

// vacant makes sure that the installations of this run meet no other. In the
// local cluster it removes what a run with --keep left; in a cluster of the
// user's own it removes nothing, as every SIPCluster would go with the CRD.
func (i *installation) vacant(ctx context.Context) error {
	if i.kube.cluster.Local() {
		return i.kube.helm(ctx, "uninstall", release, "--namespace", operatorNamespace, "--ignore-not-found", "--wait")
	}
	found, err := i.kube.kubectl(ctx, "get", "crd/"+crdName, "namespace/"+namespace, "namespace/"+operatorNamespace, "namespace/"+systemNamespace,
		"--ignore-not-found", "-o", "name")
	if err == nil && found != "" {
		err = fmt.Errorf("the cluster of %s has what this run would make and remove: uninstall it, or name another cluster: %s",
			i.kube.cluster.Kubeconfig(), strings.Join(strings.Fields(found), ", "))
	}
	if err != nil || i.stage.o.keep {
		return err
	}
	before, err := i.inventory(ctx)
	if err != nil {
		return err
	}
	i.stage.later(func(ctx context.Context) error { return i.unchanged(ctx, before) })
	return nil
}

// inventory lists what is installed for a whole cluster, by name.
func (i *installation) inventory(ctx context.Context) (string, error) {
	return i.kube.kubectl(ctx, "get", "namespaces,customresourcedefinitions,clusterroles,clusterrolebindings,priorityclasses", "-o", "name")
}

// unchanged waits until what a run made is gone, which takes namespaces a while.
func (i *installation) unchanged(ctx context.Context, before string) error {
	return eventually(ctx, installLimit, func(ctx context.Context) error {
		now, err := i.inventory(ctx)
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
func (i *installation) kustomized(ctx context.Context) (err error) {
	// Again where the namespace of an earlier run is still on its way out.
	if err := eventually(ctx, installLimit, func(ctx context.Context) error {
		return i.applyDefault(ctx)
	}); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, i.unkustomized(context.WithoutCancel(ctx))) }()
	if _, err := i.kube.kubectl(ctx, "wait", "--for=condition=Established", "crd/"+crdName, "--timeout=60s"); err != nil {
		return err
	}
	if _, err := i.kube.kubectl(ctx, "apply", "-k", "config/samples", "--dry-run=server"); err != nil {
		return err
	}
	// Not where others' things are.
	if err := i.freshNamespace(ctx); err != nil {
		return err
	}
	if _, err := i.kube.kubectl(ctx, "--namespace", namespace, "apply", "-f", "config/samples/users.yaml", "-f", "config/samples/least.yaml"); err != nil {
		return err
	}
	if err := eventually(ctx, installLimit, func(ctx context.Context) error { return i.kube.serving(ctx, namespace, sampleCluster, 3) }); err != nil {
		return err
	}
	i.stage.step("kubectl apply -k config/default: the operator runs config/samples/least.yaml, 3 of 3 proxies in the ring")
	if _, err := i.kube.kubectl(ctx, "--namespace", namespace, "delete", "-f", "config/samples/least.yaml", "-f", "config/samples/users.yaml"); err != nil {
		return err
	}
	// Its pods go with it; nothing of it may be left when the CRD goes.
	return eventually(ctx, installLimit, func(ctx context.Context) error {
		pods, err := i.kube.cluster.Client().CoreV1().Pods(namespace).List(ctx, metav1.ListOptions{LabelSelector: config.LabelCluster + "=" + sampleCluster})
		if err == nil && len(pods.Items) > 0 {
			err = fmt.Errorf("%d pods of the sample are left", len(pods.Items))
		}
		return err
	})
}

// applyDefault is `kubectl apply -k config/default`, with the image of this run
// in place of the one named there if that is another.
func (i *installation) applyDefault(ctx context.Context) error {
	if i.stage.o.image == defaultImage {
		_, err := i.kube.kubectl(ctx, "apply", "-k", "config/default")
		return err
	}
	text, err := i.kube.kubectl(ctx, "kustomize", "config/default")
	if err != nil {
		return err
	}
	path := filepath.Join(os.TempDir(), "default.yaml")
	if err := os.WriteFile(path, []byte(strings.ReplaceAll(text, defaultImage, i.stage.o.image)), 0o600); err != nil {
		return err
	}
	_, err = i.kube.kubectl(ctx, "apply", "-f", path)
	return err
}

// unkustomized removes what `kubectl apply -k` brought. The namespace may take
// longer: Kubernetes looks at it again only after pods' longest grace period.
func (i *installation) unkustomized(ctx context.Context) error {
	if _, err := i.kube.kubectl(ctx, "delete", "-k", "config/default", "--ignore-not-found", "--wait=false"); err != nil {
		return err
	}
	if _, err := i.kube.kubectl(ctx, "wait", "--for=delete", "crd/"+crdName, "--timeout=60s"); err != nil {
		return err
	}
	return eventually(ctx, installLimit, func(ctx context.Context) error {
		pods, err := i.kube.cluster.Client().CoreV1().Pods(systemNamespace).List(ctx, metav1.ListOptions{})
		if err == nil && len(pods.Items) > 0 {
			err = fmt.Errorf("%d pods of the operator are left", len(pods.Items))
		}
		return err
	})
}

// charted installs by the chart what the rest of the run is about.
func (i *installation) charted(ctx context.Context) error {
	args := []string{"upgrade", "--install", release, "charts/sipring", "--namespace", operatorNamespace, "--create-namespace", "--wait"}
	if i.stage.o.image != defaultImage {
		set, err := setImage(i.stage.o.image)
		if err != nil {
			return err
		}
		args = append(args, set...)
	}
	if err := i.kube.helm(ctx, args...); err != nil {
		return err
	}
	if !i.kube.cluster.Local() && !i.stage.o.keep {
		i.stage.later(func(ctx context.Context) error {
			err := i.kube.helm(ctx, "uninstall", release, "--namespace", operatorNamespace, "--wait")
			// The chart leaves the CRD. This run brought it: there was none.
			_, crd := i.kube.kubectl(ctx, "delete", "crd", crdName, "--ignore-not-found", "--wait=false")
			return errors.Join(err, crd, i.kube.cluster.Client().CoreV1().Namespaces().Delete(ctx, operatorNamespace, metav1.DeleteOptions{}))
		})
	}
	i.stage.step("helm install: operator ready")
	return nil
}

// freshNamespace makes the namespace of the cluster under test, empty: what an
// earlier run or step left is removed first.
func (i *installation) freshNamespace(ctx context.Context) error {
	client := i.kube.cluster.Client().CoreV1().Namespaces()
	if err := client.Delete(ctx, namespace, metav1.DeleteOptions{}); err != nil && !apierrors.IsNotFound(err) {
		return err
	}
	if err := eventually(ctx, installLimit, func(ctx context.Context) error {
		_, err := i.kube.kubectl(ctx, "create", "namespace", namespace)
		return err
	}); err != nil {
		return err
	}
	if !i.kube.cluster.Local() && !i.stage.o.keep {
		i.stage.later(func(ctx context.Context) error {
			err := client.Delete(ctx, namespace, metav1.DeleteOptions{})
			if apierrors.IsNotFound(err) {
				return nil
			}
			return err
		})
	}
	return nil
}

// sampled creates the cluster under test, and the Secret with its users.
func (i *installation) sampled(ctx context.Context, users fleet.Passwords) error {
	if err := i.freshNamespace(ctx); err != nil {
		return err
	}
	if err := i.kube.putUsers(ctx, usersSecret, users); err != nil {
		return err
	}
	if _, err := i.kube.kubectl(ctx, "--namespace", namespace, "apply", "-f", voiceManifest); err != nil {
		return err
	}
	return eventually(ctx, installLimit, func(ctx context.Context) error {
		_, err := i.kube.cluster.Client().CoreV1().Services(namespace).Get(ctx, sipCluster, metav1.GetOptions{})
		return err
	})
}

// setImage are the arguments that have the chart use an image.
func setImage(image string) ([]string, error) {
	repository, tag, err := splitImage(image)
	return []string{"--set-string", "image.repository=" + repository, "--set-string", "image.tag=" + tag}, err
}

func splitImage(image string) (repository, tag string, err error) {
	for i := len(image) - 1; i > 0 && image[i] != '/'; i-- {
		if image[i] == ':' {
			return image[:i], image[i+1:], nil
		}
	}
	return "", "", fmt.Errorf("image %q has no tag", image)
}
