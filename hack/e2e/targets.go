//go:build linux

package main

import (
	"context"
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Files of targets, in Prometheus' folder.
const (
	podsFile      = "pods.json"
	endpointsFile = "endpoints.json"
)

// targets are what Prometheus finds in Kubernetes, with the labels that it gives
// them: Debian's is built without that discovery.
type targets struct {
	kube *kube
	dir  string
}

// targetGroup is one of a file of targets.
type targetGroup struct {
	Targets []string          `json:"targets"`
	Labels  map[string]string `json:"labels"`
}

// follow writes the targets again and again until ctx ends. What cannot be read for
// a while stays as it was.
func (t *targets) follow(ctx context.Context) {
	next := time.NewTicker(time.Second)
	defer next.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-next.C:
			_ = t.write(ctx)
		}
	}
}

func (t *targets) write(ctx context.Context) error {
	client := t.kube.cluster.Client()
	pods, err := client.CoreV1().Pods("").List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	services, err := client.CoreV1().Services("").List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	endpoints, err := client.DiscoveryV1().EndpointSlices("").List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	if err := t.replace(podsFile, podTargets(pods.Items)); err != nil {
		return err
	}
	return t.replace(endpointsFile, serviceTargets(services.Items, endpoints.Items))
}

// replace writes a file at once: Prometheus reads it at any time.
func (t *targets) replace(name string, groups []targetGroup) error {
	raw, err := json.Marshal(groups)
	if err != nil {
		return err
	}
	path := filepath.Join(t.dir, name)
	if err := os.WriteFile(path+".new", raw, 0o600); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

// podTargets are the ports of all containers.
func podTargets(pods []corev1.Pod) []targetGroup {
	all := []targetGroup{} // not null
	for i := range pods {
		p := &pods[i]
		if p.Status.PodIP == "" || p.Status.Phase == corev1.PodFailed || p.Status.Phase == corev1.PodSucceeded {
			continue
		}
		for _, c := range slices.Concat(p.Spec.InitContainers, p.Spec.Containers) { // as Prometheus does, native sidecars among them
			for _, port := range c.Ports {
				g := newTarget(p.Status.PodIP, port.ContainerPort, p.Namespace, "pod", p.Labels)
				g.Labels[discovered("pod_name")], g.Labels[discovered("pod_container_name")] = p.Name, c.Name
				g.Labels[discovered("pod_container_port_name")] = port.Name
				all = append(all, g)
			}
		}
	}
	return all
}

// serviceTargets are the endpoints of all Services.
func serviceTargets(services []corev1.Service, endpoints []discoveryv1.EndpointSlice) []targetGroup {
	all := []targetGroup{}
	for i := range services {
		s := &services[i]
		for _, slice := range endpoints {
			if slice.Namespace != s.Namespace || slice.Labels[discoveryv1.LabelServiceName] != s.Name {
				continue
			}
			for _, port := range slice.Ports {
				for _, e := range slice.Endpoints {
					if e.TargetRef == nil || port.Name == nil || port.Port == nil {
						continue
					}
					g := newTarget(e.Addresses[0], *port.Port, s.Namespace, "service", s.Labels)
					g.Labels[discovered("service_name")], g.Labels[discovered("pod_name")] = s.Name, e.TargetRef.Name
					g.Labels[discovered("endpoint_port_name")] = *port.Name
					all = append(all, g)
				}
			}
		}
	}
	return all
}

func newTarget(ip string, port int32, namespace, kind string, labels map[string]string) targetGroup {
	g := targetGroup{
		Targets: []string{net.JoinHostPort(ip, strconv.Itoa(int(port)))},
		Labels:  map[string]string{discovered("namespace"): namespace},
	}
	for name, value := range labels {
		g.Labels[discovered(kind+"_label_"+sanitized(name))] = value
	}
	return g
}
