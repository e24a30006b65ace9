//go:build linux

package main

import (
	"flag"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// options of one run.
type options struct {
	phones, calls int
	only          []string
	jsonFile      string
	logs          string
	binary        string
	image         string
	address       string
	local         string
	name          string
	state         string
	subnet        string
	ipv6          bool
	keep          bool
	skipKustomize bool
	writeDocs     string
	scrape        time.Duration
	repeat        int
	stopAtLoss    bool
	parts         []string
	ringingCalls  int
	keepAlive     time.Duration
}

// defaultImage is what chart and kustomization name: with it, both are applied
// as they are.
const defaultImage = "ghcr.io/sipring/sipring:v0.1.0"

func parseOptions(args []string, stderr io.Writer) (*options, error) {
	o := &options{}
	var only, parts string
	fs := flag.NewFlagSet("e2e", flag.ContinueOnError)
	fs.SetOutput(stderr)
	fs.IntVar(&o.phones, "phones", 200, "phones, registered once")
	fs.IntVar(&o.calls, "calls", 100, "calls that are up when a fault comes; at most one a phone")
	fs.StringVar(&only, "only", "", "comma-separated cases to run: "+strings.Join(caseNames(), ", ")+" (default all but "+strings.Join(apartCases(), ", ")+")")
	fs.StringVar(&o.jsonFile, "json", "", "also write all results to this file as JSON")
	fs.StringVar(&o.logs, "logs", "", "where logs go when a case fails (default a new directory in the temporary one)")
	fs.StringVar(&o.binary, "binary", "bin/sipring", "the program under test, for case bare and a local cluster's image")
	fs.StringVar(&o.image, "image", defaultImage, "the image; a cluster that KUBECONFIG names must be able to pull it")
	fs.StringVar(&o.address, "address", "", "host:port of the cluster for phones (default: what the Service's load balancer assigns)")
	fs.StringVar(&o.local, "local", "", "this machine's address that the proxies reach phones at, if KUBECONFIG names a cluster")
	fs.StringVar(&o.name, "name", "e2e", "name of the local cluster")
	fs.StringVar(&o.state, "state", "/tmp/sipring-e2e", "directory for all files of the local cluster")
	fs.StringVar(&o.subnet, "subnet", "10.79.0.0/16", "IPv4 /16 of the local cluster")
	fs.BoolVar(&o.ipv6, "ipv6", false, "the local cluster's nodes, pods and Services have IPv6 alone, and so have phones")
	fs.BoolVar(&o.keep, "keep", false, "leave everything up to look around; the next run uses the same cluster")
	fs.BoolVar(&o.skipKustomize, "skip-kustomize", false, "install by the chart only")
	fs.StringVar(&o.writeDocs, "write-docs", "", "write what the commands of case "+pluginCase+" print into this page, such as docs/kubectl.md")
	fs.DurationVar(&o.scrape, "scrape", 15*time.Second, "how often the Prometheus of case prometheus scrapes")
	fs.IntVar(&o.repeat, "repeat", 1, "play the cases that --only names so often, one after the other on the same cluster, and print a sum")
	fs.BoolVar(&o.stopAtLoss, "stop-at-loss", false, "play nothing more once a case has lost something")
	fs.IntVar(&o.ringingCalls, "ringing-calls", 1200, fmt.Sprintf("calls of each fault of case %s, at %d/s", sharedCase, ringRate))
	fs.StringVar(&parts, "parts", "", "comma-separated faults to play of cases "+sharedCase+" and "+natCase+", such as shared-cut (default all)")
	fs.DurationVar(&o.keepAlive, "keep-alive", 25*time.Second, "how often phones behind a NAT send keep-alives")
	if err := fs.Parse(args); err != nil {
		return nil, err
	}
	if only != "" {
		o.only = strings.Split(only, ",")
	}
	if parts != "" {
		o.parts = strings.Split(parts, ",")
	}
	if o.ringingCalls < sharedBehind*strikeAfter || o.keepAlive <= 0 {
		return nil, fmt.Errorf("%d calls that ring, keep-alives every %v: want %d or more, and some time", o.ringingCalls, o.keepAlive, sharedBehind*strikeAfter)
	}
	for _, name := range o.only {
		if !slices.Contains(caseNames(), name) {
			return nil, fmt.Errorf("case %q: want some of %s", name, strings.Join(caseNames(), ", "))
		}
	}
	if o.repeat < 1 || o.repeat > 1 && (len(o.only) == 0 || slices.Contains(o.only, bareCase)) {
		return nil, fmt.Errorf("--repeat %d: want 1 or more, and --only with cases on the cluster", o.repeat)
	}
	if o.phones < 2 || o.phones > 2000 || o.calls < 1 || o.calls > o.phones {
		return nil, fmt.Errorf("%d phones and %d calls: want 2 to 2000 phones and at most a call for each", o.phones, o.calls)
	}
	if o.local != "" {
		if _, err := netip.ParseAddr(o.local); err != nil {
			return nil, fmt.Errorf("local address: %w", err)
		}
	}
	return o, nil
}

func (o *options) wants(name string) bool { return len(o.only) == 0 || slices.Contains(o.only, name) }

// wantsPart tells whether a fault of a case that has several is to be played.
func (o *options) wantsPart(name string) bool {
	return len(o.parts) == 0 || slices.Contains(o.parts, name)
}

// wantsCluster tells whether a case needs Kubernetes.
func (o *options) wantsCluster() bool {
	return slices.ContainsFunc(caseNames(), func(name string) bool { return name != bareCase && o.wants(name) })
}

// domain is the one that the cluster under test serves.
const domain = "example.com"

// Bounds of waits.
const (
	// patience is how soon after a fault a phone must be callable.
	patience = 2 * time.Second
	// cutPatience is the same where only silence can tell the loss.
	cutPatience = 10 * time.Second
	// noticeLimit is how long survivors and slice may take to be without the
	// victim before the case has failed.
	noticeLimit = 20 * time.Second
	// mendLimit bounds the end of a fault after an interruption.
	mendLimit = 10 * time.Second
	// settleLimit bounds the return to a whole ring.
	settleLimit = 3 * time.Minute
	// installLimit bounds each step of the installation.
	installLimit = 3 * time.Minute
)
