//go:build linux

package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"
)

// monitor is a ServiceMonitor or PodMonitor, as far as the chart uses them. A field
// that is not here is an error, not something left out.
type monitor struct {
	APIVersion string            `json:"apiVersion"`
	Kind       string            `json:"kind"`
	Metadata   metav1.ObjectMeta `json:"metadata"`
	Spec       struct {
		NamespaceSelector struct {
			Any        bool     `json:"any"`
			MatchNames []string `json:"matchNames"`
		} `json:"namespaceSelector"`
		Selector struct {
			MatchLabels map[string]string `json:"matchLabels"`
		} `json:"selector"`
		Endpoints           []endpoint `json:"endpoints"`
		PodMetricsEndpoints []endpoint `json:"podMetricsEndpoints"`
	} `json:"spec"`
}

type endpoint struct {
	Port        string       `json:"port"`
	Path        string       `json:"path"`
	Interval    string       `json:"interval"`
	HonorLabels bool         `json:"honorLabels"`
	Relabelings []relabeling `json:"relabelings"`
}

type relabeling struct {
	SourceLabels []string `json:"sourceLabels"`
	Separator    string   `json:"separator"`
	Regex        string   `json:"regex"`
	TargetLabel  string   `json:"targetLabel"`
	Replacement  string   `json:"replacement"`
	Action       string   `json:"action"`
}

// scrapeConfig is one of Prometheus' own.
type scrapeConfig struct {
	JobName     string     `json:"job_name"`
	HonorLabels bool       `json:"honor_labels,omitempty"`
	Interval    string     `json:"scrape_interval,omitempty"`
	Timeout     string     `json:"scrape_timeout,omitempty"`
	Path        string     `json:"metrics_path,omitempty"`
	Discovery   []discover `json:"file_sd_configs"`
	Relabel     []relabel  `json:"relabel_configs"`
}

type discover struct {
	Files []string `json:"files"`
}

type relabel struct {
	SourceLabels []string `json:"source_labels,omitempty"`
	Separator    string   `json:"separator,omitempty"`
	Regex        string   `json:"regex,omitempty"`
	TargetLabel  string   `json:"target_label,omitempty"`
	Replacement  string   `json:"replacement,omitempty"`
	Action       string   `json:"action,omitempty"`
}

// observability is what a chart has for the Prometheus operator.
type observability struct {
	monitors []monitor
	rules    []json.RawMessage // groups
}

// observed reads the chart's rendered objects.
func observed(rendered string) (o observability, err error) {
	documents := utilyaml.NewYAMLReader(bufio.NewReader(strings.NewReader(rendered)))
	for {
		raw, err := documents.Read()
		if errors.Is(err, io.EOF) {
			return o, nil
		}
		if err != nil {
			return o, err
		}
		var head metav1.TypeMeta
		if err := yaml.Unmarshal(raw, &head); err != nil {
			return o, err
		}
		switch head.Kind {
		case "ServiceMonitor", "PodMonitor":
			var m monitor
			if err := yaml.UnmarshalStrict(raw, &m); err != nil {
				return o, fmt.Errorf("%s: %w", head.Kind, err)
			}
			o.monitors = append(o.monitors, m)
		case "PrometheusRule":
			var r struct {
				Spec struct {
					Groups []json.RawMessage `json:"groups"`
				} `json:"spec"`
			}
			if err := yaml.Unmarshal(raw, &r); err != nil {
				return o, fmt.Errorf("%s: %w", head.Kind, err)
			}
			o.rules = append(o.rules, r.Spec.Groups...)
		}
	}
}

// scrapes are the monitor's scrape configurations, as the Prometheus operator would
// write them, with the targets of the folder's files.
func (m *monitor) scrapes(dir string) (all []scrapeConfig) {
	file, kind, job := endpointsFile, "service", relabel{SourceLabels: []string{discovered("service_name")}, TargetLabel: "job"}
	port := discovered("endpoint_port_name")
	if m.Kind == "PodMonitor" {
		file, kind, job = podsFile, "pod", relabel{TargetLabel: "job", Replacement: m.Metadata.Namespace + "/" + m.Metadata.Name}
		port = discovered("pod_container_port_name")
	}
	var namespaces []relabel
	if s := m.Spec.NamespaceSelector; !s.Any {
		names := s.MatchNames
		if len(names) == 0 {
			names = []string{m.Metadata.Namespace}
		}
		namespaces = append(namespaces, relabel{SourceLabels: []string{discovered("namespace")}, Regex: strings.Join(names, "|"), Action: "keep"})
	}
	for i, e := range slices.Concat(m.Spec.Endpoints, m.Spec.PodMetricsEndpoints) {
		s := scrapeConfig{
			JobName: fmt.Sprintf("%s/%s/%s/%d", m.Kind, m.Metadata.Namespace, m.Metadata.Name, i), HonorLabels: e.HonorLabels,
			Interval: e.Interval, Timeout: e.Interval, Path: e.Path, Discovery: []discover{{[]string{filepath.Join(dir, file)}}},
			Relabel: slices.Clone(namespaces),
		}
		for _, label := range slices.Sorted(maps.Keys(m.Spec.Selector.MatchLabels)) {
			s.Relabel = append(s.Relabel, keepOnly(discovered(kind+"_label_"+sanitized(label)), m.Spec.Selector.MatchLabels[label]))
		}
		s.Relabel = append(s.Relabel, keepOnly(port, e.Port))
		for _, l := range []string{"namespace", "pod", "container"} {
			from := map[string]string{"namespace": "namespace", "pod": "pod_name", "container": "pod_container_name"}[l]
			s.Relabel = append(s.Relabel, relabel{SourceLabels: []string{discovered(from)}, TargetLabel: l})
		}
		s.Relabel = append(s.Relabel, job)
		for _, r := range e.Relabelings {
			s.Relabel = append(s.Relabel, relabel(r))
		}
		all = append(all, s)
	}
	return all
}

func keepOnly(label, value string) relabel {
	return relabel{SourceLabels: []string{label}, Regex: regexp.QuoteMeta(value), Action: "keep"}
}

// discovered is a label that discovery in Kubernetes gives a target.
func discovered(name string) string { return "__meta_kubernetes_" + name }

var notInLabels = regexp.MustCompile(`[^a-zA-Z0-9_]`)

func sanitized(label string) string { return notInLabels.ReplaceAllString(label, "_") }

// configuration of a Prometheus that follows the monitors and evaluates the rules as
// often as it scrapes.
func (o observability) configuration(dir, interval string, ruleFiles ...string) ([]byte, error) {
	var scrapes []scrapeConfig
	for i := range o.monitors {
		scrapes = append(scrapes, o.monitors[i].scrapes(dir)...)
	}
	return yaml.Marshal(map[string]any{
		"global":         map[string]string{"scrape_interval": interval, "scrape_timeout": interval, "evaluation_interval": interval},
		"rule_files":     ruleFiles,
		"scrape_configs": scrapes,
	})
}
