package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// options are what the command line says.
type options struct {
	listen, protocol, proxy, status, name, media string
	ring, poke, readyAfter, grace                time.Duration
	maxCalls                                     int
}

func parseOptions(args []string, out io.Writer) (options, error) {
	o := options{}
	f := flag.NewFlagSet("echo", flag.ContinueOnError)
	f.SetOutput(out)
	name, _ := os.Hostname()
	f.StringVar(&o.listen, "listen", "127.0.0.1:5080", "the address to take SIP at")
	f.StringVar(&o.protocol, "protocol", "udp", "what SIP is carried by: udp or tcp")
	f.StringVar(&o.proxy, "proxy", "127.0.0.1:5060", "the proxy beside the application")
	f.StringVar(&o.status, "status", "", "the address to serve /status and /ready at by HTTP; empty: none")
	f.StringVar(&o.name, "name", name, "what X-Application says")
	f.StringVar(&o.media, "media", "", "the address that media is sent to; empty: there is no media")
	f.DurationVar(&o.ring, "ring", 0, "how long it rings before it answers")
	f.DurationVar(&o.poke, "poke", 0, "how often it sends an OPTIONS within each call; 0: never")
	f.DurationVar(&o.readyAfter, "ready-after", 0, "how long after its start it takes calls")
	f.DurationVar(&o.grace, "grace", 30*time.Second, "how long calls may go on after SIGTERM")
	f.IntVar(&o.maxCalls, "max-calls", 4096, "how many calls it takes at a time")
	if err := f.Parse(args); err != nil {
		return o, err
	}
	if f.NArg() > 0 {
		return o, fmt.Errorf("%q is no option", f.Arg(0))
	}
	if o.protocol != "udp" && o.protocol != "tcp" {
		return o, fmt.Errorf("--protocol %q is neither udp nor tcp", o.protocol)
	}
	return o, nil
}

func main() {
	o, err := parseOptions(os.Args[1:], os.Stderr)
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	if err == nil {
		ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
		err = run(ctx, o, slog.New(slog.NewTextHandler(os.Stderr, nil)))
		stop()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "echo:", err)
		os.Exit(1)
	}
}

// run serves until ctx is over, and then until the calls are.
func run(ctx context.Context, o options, log *slog.Logger) error {
	a, err := newApplication(o, log)
	if err != nil {
		return err
	}
	defer a.close()
	served := make(chan error, 2)
	go func() { served <- a.serve() }()
	if o.status != "" {
		l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", o.status)
		if err != nil {
			return err
		}
		web := &http.Server{Handler: a.web(), ReadHeaderTimeout: 5 * time.Second, MaxHeaderBytes: 8 << 10}
		go func() { served <- web.Serve(l) }()
		defer func() { _ = web.Close() }()
	}
	log.Info("serves", "name", o.name, "listen", o.listen, "protocol", o.protocol)
	select {
	case err := <-served:
		return err
	case <-ctx.Done():
		a.drain(o.grace)
		log.Info("exits")
		return nil
	}
}
