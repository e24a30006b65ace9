//go:build linux

package main

import (
	"context"
	"fmt"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sipring/sipring/api/v1alpha1"
)

// Whether there is an operator, and what it has done.

// annotationAsked of the Service is what the operator was asked for last.
const annotationAsked = "example.com/e2e"

// ask changes the SIPCluster in what is none of its pods' affair.
func ask(what string) step {
	return func(ctx context.Context, e *env) error {
		_, err := e.kube.kubectl(ctx, "--namespace", namespace, "patch", "sipcluster", e.proxies.name, "--type=merge", "--patch",
			fmt.Sprintf(`{"spec": {"service": {"annotations": {%q: %q}}}}`, annotationAsked, what))
		return err
	}
}

// attended: an operator has carried out what was asked for, in a pass that went
// through, and replaces no pods.
func attended(asked string) step {
	return func(ctx context.Context, e *env) error {
		if err := answered(asked)(ctx, e); err != nil {
			return err
		}
		return e.settled(ctx)
	}
}

// answered: an operator has carried out what was asked for.
func answered(asked string) step {
	return func(ctx context.Context, e *env) error {
		s, err := e.kube.cluster.Client().CoreV1().Services(namespace).Get(ctx, e.proxies.name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		if got := s.Annotations[annotationAsked]; got != asked {
			return fmt.Errorf("the operator was asked for %q last, and has carried out %q", asked, got)
		}
		return e.content(ctx)
	}
}

// content: the operator has seen the SIPCluster as it is, and all is well.
func (e *env) content(ctx context.Context) error {
	c, err := e.kube.sipCluster(ctx, namespace, e.proxies.name)
	if err != nil {
		return err
	}
	ready := meta.FindStatusCondition(c.Status.Conditions, v1alpha1.ConditionReady)
	if ready == nil || ready.Status != metav1.ConditionTrue || ready.ObservedGeneration != c.Generation {
		return fmt.Errorf("SIPCluster %s of generation %d: %+v", c.Name, c.Generation, ready)
	}
	return nil
}

// settled: the operator is content, and all pods are those of the template.
func (e *env) settled(ctx context.Context) error {
	if err := e.content(ctx); err != nil {
		return err
	}
	set, err := e.kube.cluster.Client().AppsV1().StatefulSets(namespace).Get(ctx, e.proxies.name, metav1.GetOptions{})
	if err != nil {
		return err
	}
	if s := set.Status; s.ObservedGeneration != set.Generation || s.CurrentRevision != s.UpdateRevision {
		return fmt.Errorf("StatefulSet %s of generation %d: generation %d is seen, pods go from %s to %s",
			set.Name, set.Generation, s.ObservedGeneration, s.CurrentRevision, s.UpdateRevision)
	}
	return nil
}

// unattended: no operator runs, and what it carried out is there.
func unattended(ctx context.Context, e *env) error {
	pods, err := e.kube.cluster.Client().CoreV1().Pods(operatorNamespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	if n := len(pods.Items); n > 0 {
		return fmt.Errorf("%d pods of the operator are left", n)
	}
	_, err = e.kube.sipCluster(ctx, namespace, e.proxies.name)
	if apierrors.IsNotFound(err) {
		return fmt.Errorf("the SIPCluster, or its CRD, went with the release: %w", err)
	}
	return err
}

// runs: the operator is content, and all proxies are of the image of the tag; of
// the one under test if it is empty.
func runs(tag string) step {
	return func(ctx context.Context, e *env) error {
		if err := e.images(ctx, func(string) bool { return tag == previousTag }); err != nil {
			return err
		}
		return e.settled(ctx)
	}
}

// images is nil if the proxies that are to have the previous program do, and the
// others have not.
func (e *env) images(ctx context.Context, previous func(pod string) bool) error {
	pods, err := e.proxies.pods(ctx)
	if err != nil {
		return err
	}
	for i := range pods {
		image := pods[i].Spec.Containers[0].Image
		if strings.HasSuffix(image, ":"+previousTag) != previous(pods[i].Name) {
			return fmt.Errorf("%s runs %s", pods[i].Name, image)
		}
	}
	return nil
}
