package main

import (
	"fmt"
	"maps"
	"strings"
)

// object is one of JSON.
type object = map[string]any

// query is one of PromQL, and what its series are called. S in it stands for the
// labels of the SIPCluster that was chosen.
type query struct{ expr, legend string }

// panel is a picture of some queries.
type panel struct {
	title, about string
	kind         string // of Grafana; empty: a time series
	unit         string // of Grafana; empty: a number
	width        int    // of 24
	queries      []query
	options      object // beside those that every panel of the kind has
	field        object // beside unit, of fieldConfig.defaults
}

// row is a heading and the panels below.
type row struct {
	title  string
	height int
	panels []panel
}

const columns = 24

// source is the Prometheus that was chosen.
func source() object { return object{"type": "prometheus", "uid": "${datasource}"} }

// ofCluster puts the labels of the chosen SIPCluster in place of S.
func ofCluster(expr string) string {
	const chosen = `namespace="$namespace",cluster="$cluster"`
	return strings.NewReplacer("{S}", "{"+chosen+"}", "{S,", "{"+chosen+",").Replace(expr)
}

// dashboard is the model that Grafana imports.
func dashboard() object {
	return object{
		"title": "sipring", "uid": "sipring", "tags": []string{"sip", "sipring"}, "schemaVersion": 39, "version": 1, "editable": true,
		"description": "A SIPCluster: failovers, calls, registrations, operator, resources. docs/runbook.md explains its alerts.",
		"time":        object{"from": "now-1h", "to": "now"}, "refresh": "15s", "graphTooltip": 1,
		"templating":  object{"list": variables()},
		"annotations": object{"list": annotations()},
		"panels":      panels(),
	}
}

func variables() []object {
	labels := func(name, label, query string) object {
		return object{
			"name": name, "label": label, "type": "query", "datasource": source(), "refresh": 2, "sort": 1,
			"query": object{"query": query, "refId": name}, "definition": query,
		}
	}
	return []object{
		{"name": "datasource", "label": "Prometheus", "type": "datasource", "query": "prometheus"},
		labels("namespace", "Namespace", "label_values(sipring_proxy_ready, namespace)"),
		labels("cluster", "SIPCluster", `label_values(sipring_proxy_ready{namespace="$namespace"}, cluster)`),
	}
}

// annotations are lines over all time series. That of a failover stands at the
// millisecond at which it was, whenever it was scraped.
func annotations() []object {
	line := func(name, color, expr, title string, atValue bool) object {
		return object{
			"name": name, "enable": true, "iconColor": color, "datasource": source(), "expr": ofCluster(expr),
			"titleFormat": title, "step": "15s", "useValueForTime": atValue,
		}
	}
	return []object{
		line("Failovers", "red", `max by (cluster) (sipring_proxy_last_failover_timestamp_seconds{S} > 0) * 1000`, "a member was lost", true),
		line("Epochs", "blue", `max by (cluster) (sipring_proxy_ring_epoch{S}) > max by (cluster) (sipring_proxy_ring_epoch{S} offset 15s)`, "new member set", false),
	}
}

// panels lays out the rows, one below the other.
func panels() (all []object) {
	id, y := 0, 0
	add := func(p object, x, width, height int) {
		id++
		p["id"], p["gridPos"] = id, object{"x": x, "y": y, "w": width, "h": height}
		all = append(all, p)
	}
	for _, r := range rows() {
		add(object{"type": "row", "title": r.title, "collapsed": false, "panels": []object{}}, 0, columns, 1)
		y++
		x := 0
		for _, p := range r.panels {
			if x+p.width > columns {
				x, y = 0, y+r.height
			}
			add(p.model(), x, p.width, r.height)
			x += p.width
		}
		y += r.height
	}
	return all
}

func (p *panel) model() object {
	kind := p.kind
	if kind == "" {
		kind = "timeseries"
	}
	var targets []object
	for i, q := range p.queries {
		target := object{"refId": string(rune('A' + i)), "datasource": source(), "expr": ofCluster(q.expr), "legendFormat": q.legend}
		if kind == "stat" {
			target["instant"] = true
		} else {
			target["range"] = true
		}
		targets = append(targets, target)
	}
	defaults := object{"unit": p.unit, "noValue": "none", "min": 0}
	maps.Copy(defaults, p.field)
	options := kindOptions(kind)
	maps.Copy(options, p.options)
	return object{
		"type": kind, "title": p.title, "description": p.about, "datasource": source(), "targets": targets,
		"fieldConfig": object{"defaults": defaults, "overrides": []object{}}, "options": options,
	}
}

func kindOptions(kind string) object {
	switch kind {
	case "stat":
		return object{"reduceOptions": object{"calcs": []string{"lastNotNull"}}, "colorMode": "value", "graphMode": "none"}
	case "state-timeline":
		return object{"mergeValues": true, "showValue": "never", "rowHeight": 0.8, "legend": object{"displayMode": "list", "placement": "bottom"}}
	case "timeseries":
		return object{"legend": object{"displayMode": "list", "placement": "bottom"}, "tooltip": object{"mode": "multi", "sort": "desc"}}
	}
	panic(fmt.Sprintf("a panel of the kind %q", kind)) // a fault of rows.go
}
