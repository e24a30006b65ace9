//go:build linux

package main

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const renderedMonitors = `---
# Source: chart/templates/deployment.yaml
kind: Deployment
spec: {any: thing}
---
apiVersion: monitoring.coreos.com/v1
kind: ServiceMonitor
metadata: {name: op, namespace: system, labels: {a: b}}
spec:
  selector:
    matchLabels: {app.kubernetes.io/name: op}
  endpoints:
  - {port: metrics, honorLabels: true, interval: 7s}
---
apiVersion: monitoring.coreos.com/v1
kind: PodMonitor
metadata: {name: pods, namespace: system}
spec:
  namespaceSelector: {any: true}
  selector:
    matchLabels: {b: two, a: one.1}
  podMetricsEndpoints:
  - port: admin
    path: /m
    relabelings:
    - sourceLabels: [__meta_kubernetes_pod_label_c]
      targetLabel: cluster
---
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata: {name: rules}
spec:
  groups:
  - name: one
    rules:
    - {alert: Away, expr: up == 0}
`

func target(label, from string) relabel {
	return relabel{SourceLabels: []string{"__meta_kubernetes_" + from}, TargetLabel: label}
}

func TestMonitorsAreScrapedAsThePrometheusOperatorWould(t *testing.T) {
	o, err := observed(renderedMonitors)
	if err != nil {
		t.Fatal(err)
	}
	var got []scrapeConfig
	for i := range o.monitors {
		got = append(got, o.monitors[i].scrapes("/d")...)
	}
	want := []scrapeConfig{
		{
			JobName: "ServiceMonitor/system/op/0", HonorLabels: true, Interval: "7s", Timeout: "7s",
			Discovery: []discover{{[]string{"/d/endpoints.json"}}},
			Relabel: []relabel{
				{SourceLabels: []string{"__meta_kubernetes_namespace"}, Regex: "system", Action: "keep"},
				{SourceLabels: []string{"__meta_kubernetes_service_label_app_kubernetes_io_name"}, Regex: "op", Action: "keep"},
				{SourceLabels: []string{"__meta_kubernetes_endpoint_port_name"}, Regex: "metrics", Action: "keep"},
				target("namespace", "namespace"), target("pod", "pod_name"), target("container", "pod_container_name"),
				target("job", "service_name"),
			},
		},
		{
			JobName: "PodMonitor/system/pods/0", Path: "/m", Discovery: []discover{{[]string{"/d/pods.json"}}},
			Relabel: []relabel{
				{SourceLabels: []string{"__meta_kubernetes_pod_label_a"}, Regex: `one\.1`, Action: "keep"},
				{SourceLabels: []string{"__meta_kubernetes_pod_label_b"}, Regex: "two", Action: "keep"},
				{SourceLabels: []string{"__meta_kubernetes_pod_container_port_name"}, Regex: "admin", Action: "keep"},
				target("namespace", "namespace"), target("pod", "pod_name"), target("container", "pod_container_name"),
				{TargetLabel: "job", Replacement: "system/pods"},
				target("cluster", "pod_label_c"),
			},
		},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("scrape configurations (-want +got):\n%s", d)
	}
	if len(o.rules) != 1 {
		t.Errorf("%d groups of rules, want 1", len(o.rules))
	}
}

func TestMonitorOfMoreThanIsUnderstoodIsRefused(t *testing.T) {
	_, err := observed(strings.Replace(renderedMonitors, "honorLabels: true", "bearerTokenFile: /token", 1))
	if err == nil || !strings.Contains(err.Error(), "bearerTokenFile") {
		t.Errorf("error %v, want one that names the field", err)
	}
}

func TestPrometheusTakesTheConfiguration(t *testing.T) {
	if _, err := exec.LookPath("promtool"); err != nil {
		t.Skip("no promtool: install Debian's prometheus")
	}
	o, err := observed(renderedMonitors)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := o.write(dir, "5s"); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), "promtool", "check", "config", filepath.Join(dir, "prometheus.yaml")).CombinedOutput(); err != nil {
		t.Errorf("promtool: %v: %s", err, out)
	}
}
