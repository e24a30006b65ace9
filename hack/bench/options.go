package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"
)

// options of one run. Counts are for each server and round.
type options struct {
	Rounds    int `json:"rounds"`
	Bindings  int `json:"bindings"`  // new bindings, kept for the refreshes
	Refreshes int `json:"refreshes"` // REGISTERs that renew them
	Window    int `json:"window"`    // REGISTERs in flight
	Sockets   int `json:"sockets"`   // source ports of the REGISTERs
	Calls     int `json:"calls"`
	CallRate  int `json:"call_rate"` // calls begun in a second
	Drain     int `json:"drain_seconds"`
	Idle      int `json:"idle_seconds"`

	Connections int  `json:"connections"` // kept by as many phones, over TCP and over TLS
	Digest      bool `json:"digest"`      // who registers is asked too

	only     string
	sipring  string
	jsonFile string
	markdown string
	pprofDir string
	keep     bool
}

// parseOptions reads the command line. --quick lowers the defaults; what is
// given explicitly wins over it.
func parseOptions(args []string, stderr io.Writer) (options, error) {
	full := options{Rounds: 3, Bindings: 20000, Refreshes: 100000, Window: 64, Sockets: 8, Calls: 5000, CallRate: 500, Drain: 6, Idle: 4, Connections: 200}
	quick := options{Rounds: 2, Bindings: 2000, Refreshes: 10000, Window: 64, Sockets: 8, Calls: 500, CallRate: 500, Drain: 1, Idle: 1, Connections: 200}
	defaults := full
	for _, a := range args {
		if a == "--quick" || a == "-quick" {
			defaults = quick
		}
	}

	o := options{}
	fs := flag.NewFlagSet("bench", flag.ContinueOnError)
	fs.SetOutput(stderr)
	fs.Bool("quick", false, "few rounds, small counts: shows that it works, says little about speed")
	fs.IntVar(&o.Rounds, "rounds", defaults.Rounds, "interleaved rounds")
	fs.IntVar(&o.Bindings, "bindings", defaults.Bindings, "addresses-of-record registered in a round")
	fs.IntVar(&o.Refreshes, "refreshes", defaults.Refreshes, "REGISTERs that renew them")
	fs.IntVar(&o.Window, "window", defaults.Window, "REGISTERs in flight")
	fs.IntVar(&o.Sockets, "sockets", defaults.Sockets, "source ports of the REGISTERs")
	fs.IntVar(&o.Calls, "calls", defaults.Calls, "calls in a round; 0 for none")
	fs.IntVar(&o.CallRate, "call-rate", defaults.CallRate, "calls begun in a second")
	fs.IntVar(&o.Drain, "drain", defaults.Drain, "seconds after the last call that are counted too, for transaction timers")
	fs.IntVar(&o.Idle, "idle", defaults.Idle, "seconds without load that are measured")
	fs.IntVar(&o.Connections, "connections", defaults.Connections, "phones that keep a connection each; 0 for no TCP and TLS")
	fs.BoolVar(&o.Digest, "digest", true, "measure too what it costs to ask who registers")
	fs.StringVar(&o.only, "only", "", "comma-separated servers to measure: sipring, kamailio, kamailio-tlsf, echo (default all)")
	fs.StringVar(&o.sipring, "sipring", "bin/sipring", "the sipring binary")
	fs.StringVar(&o.jsonFile, "json", "", "also write everything measured to this file as JSON (- for stdout)")
	fs.StringVar(&o.markdown, "markdown", "", "also write the table as Markdown to this file (- for stdout)")
	fs.StringVar(&o.pprofDir, "pprof", "", "after the rounds, profile sipring under load and write the profiles to this directory")
	fs.BoolVar(&o.keep, "keep", false, "keep the working directory: configurations, logs, SIPp output")
	if err := fs.Parse(args); err != nil {
		return o, err
	}
	if fs.NArg() > 0 {
		return o, fmt.Errorf("unexpected argument %q", fs.Arg(0))
	}
	return o, o.validate()
}

// validate bounds the load: this is a tool for one machine and some minutes.
func (o options) validate() error {
	var errs []error
	for _, c := range []struct {
		name            string
		value, min, max int
	}{
		{"rounds", o.Rounds, 1, 100},
		{"bindings", o.Bindings, 100, 2000000},
		{"refreshes", o.Refreshes, 100, 20000000},
		{"window", o.Window, 1, 4096},
		{"sockets", o.Sockets, 1, 256},
		{"calls", o.Calls, 0, 1000000},
		{"call-rate", o.CallRate, 1, 10000},
		{"drain", o.Drain, 0, 60},
		{"idle", o.Idle, 1, 60},
		{"connections", o.Connections, 0, 10000},
	} {
		if c.value < c.min || c.value > c.max {
			errs = append(errs, fmt.Errorf("--%s %d is not in %d..%d", c.name, c.value, c.min, c.max))
		}
	}
	for name := range strings.SplitSeq(o.only, ",") {
		switch name {
		case "", nameSipring, nameKamailio, nameKamailioTLSF, nameEcho:
		default:
			errs = append(errs, fmt.Errorf("--only %q: not one of sipring, kamailio, kamailio-tlsf, echo", name))
		}
	}
	return errors.Join(errs...)
}

// selected tells whether a server is to be measured.
func (o options) selected(name string) bool {
	if o.only == "" {
		return true
	}
	for s := range strings.SplitSeq(o.only, ",") {
		if s == name {
			return true
		}
	}
	return false
}
