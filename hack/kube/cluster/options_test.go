//go:build linux

package cluster

import (
	"strings"
	"testing"
)

func TestOptionsAreChecked(t *testing.T) {
	valid := Options{AssetsDir: "/assets"}
	tests := map[string]struct {
		change func(*Options)
		want   string // part of the error; empty for none
	}{
		"zero value is usable":     {change: func(*Options) {}},
		"eight letters":            {change: func(o *Options) { o.Name = "abcdefg1" }},
		"nine letters":             {change: func(o *Options) { o.Name = "abcdefgh1" }, want: "cluster name"},
		"name with a path":         {change: func(o *Options) { o.Name = "../x" }, want: "cluster name"},
		"name begins with a digit": {change: func(o *Options) { o.Name = "1a" }, want: "cluster name"},
		"no negative nodes":        {change: func(o *Options) { o.Nodes = -1 }, want: "nodes"},
		"too many nodes":           {change: func(o *Options) { o.Nodes = 51 }, want: "nodes"},
		"more zones than nodes":    {change: func(o *Options) { o.Zones = 4 }, want: "zones"},
		"subnet of another size":   {change: func(o *Options) { o.Subnet = "10.0.0.0/24" }, want: "subnet"},
		"subnet of IPv6":           {change: func(o *Options) { o.Subnet = "fd00::/16" }, want: "subnet"},
		"state where machines have their own": {
			change: func(o *Options) { o.StateDir = "/run/kube" }, want: "/run",
		},
		"state through dots": {
			change: func(o *Options) { o.StateDir = "/tmp/../var/lib/x" }, want: "/var/lib",
		},
		"state that must not be removed": {
			change: func(o *Options) { o.StateDir = "/tmp" }, want: "removed by Down",
		},
		"state too deep for sockets": {
			change: func(o *Options) { o.StateDir = "/tmp/" + strings.Repeat("x", 90) }, want: "longer than",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			o := valid
			test.change(&o)
			_, err := o.complete()
			if test.want == "" && err != nil {
				t.Fatalf("complete: %v", err)
			}
			if test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
				t.Fatalf("complete: %v, want an error with %q", err, test.want)
			}
		})
	}
}

func TestZonesAreDealtInTurn(t *testing.T) {
	o := Options{Nodes: 5, Zones: 2}
	want := []string{"zone1", "zone2", "zone1", "zone2", "zone1"}
	for n := 1; n <= o.Nodes; n++ {
		if got := o.zone(n); got != want[n-1] {
			t.Errorf("zone of %s is %s, want %s", NodeName(n), got, want[n-1])
		}
	}
}
