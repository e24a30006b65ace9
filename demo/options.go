package demo

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/spf13/cobra"

	"github.com/sipring/sipring/demo/fleet"
	"github.com/sipring/sipring/proxy/config"
)

// options of the demo.
type options struct {
	proxies  int
	phones   int
	calls    int
	patience time.Duration
	over     transports
	page     string
	keep     time.Duration
	network  string
	logLevel string
	binary   string // of the proxies; empty: this one
	guests   Guests // besides the phones
}

// NewCommand is `sipring demo`. It returns an error when anything was lost,
// could not be started, or was interrupted.
func NewCommand() *cobra.Command {
	o := &options{over: everyTransport()}
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Kill a proxy on this machine and see what the phones lose",
		Long: `Starts proxies as processes on loopback addresses, lets simulated phones register
and call, kills one proxy with SIGKILL, and prints a timeline and what was lost.
The proxies receive and send at one address that all of them have, as on nodes with
spec.network.mode SharedAddress: so calls that ring at the kill, at further phones, are
answered too. They ask who registers and calls; each phone has a password made for the run.
A quarter each of the phones is on UDP, TCP, TLS and WSS: one that is bound to a
connection opens another, a second after its own ended with the proxy, and registers
again; calls to it wait until then.
A page on the printed address shows the ring and the timeline live; --keep leaves
it there for longer than the few seconds that the demo takes.

It exits with 0 when nothing was lost, else with 1; then the proxies' logs are
kept in a folder that it names. Ctrl-C ends it at any time: the proxies are
stopped and nothing is left behind.`,
		Example: `  sipring demo
  sipring demo --proxies 5 --phones 2000 --calls 500
  sipring demo --page 127.0.0.1:8080 --keep 10m`,
		Args:         cobra.NoArgs,
		SilenceUsage: true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.validate(); err != nil {
				return err
			}
			return run(cmd.Context(), o, cmd.OutOrStdout())
		},
	}
	f := cmd.Flags()
	f.IntVar(&o.proxies, "proxies", 3, "proxies to start, 2 to 20")
	f.IntVar(&o.phones, "phones", 300, "phones to register, at least twice the calls, at most 5000")
	f.IntVar(&o.calls, "calls", 50, "calls to hold while the proxy is killed")
	f.DurationVar(&o.patience, "patience", 2*time.Second, "how long a phone may take to be reached and still count as callable")
	f.Var(&o.over, "transports", "what the phones are on, in equal parts: of udp, tcp, tls and wss")
	f.StringVar(&o.page, "page", "127.0.0.1:0", "address of the live page, port 0 for any free one; empty for none")
	f.DurationVar(&o.keep, "keep", 0, "how long to go on after the report, for looking at the page; Ctrl-C ends it")
	f.StringVar(&o.network, "network", "", "the /24 of loopback addresses to use: .1 is the cluster, .11 and up the proxies, .200 the phones (default the first free one from "+fleet.FirstNetwork+" on)")
	f.StringVar(&o.logLevel, "log-level", "info", "log level of the proxies: debug, info, warn or error")
	return cmd
}

// validate says which flag cannot work and why.
func (o *options) validate() error {
	switch {
	case o.network != "" && !isLoopback4(o.network):
		return fmt.Errorf("--network %q is not a loopback IPv4 address", o.network)
	case o.proxies < 2 || o.proxies > 20:
		return errors.New("--proxies must be 2 to 20: one is killed and another must be left")
	case o.calls < 1 || o.phones < 2*o.calls:
		return errors.New("--phones must be at least twice --calls, and --calls at least 1")
	case o.phones > 5000:
		return errors.New("--phones must be at most 5000")
	case o.patience <= 0:
		return errors.New("--patience must be above 0")
	case o.keep < 0:
		return errors.New("--keep must not be negative")
	}
	if o.page != "" {
		if _, _, err := net.SplitHostPort(o.page); err != nil {
			return fmt.Errorf("--page %q is not HOST:PORT: %w", o.page, err)
		}
	}
	if _, err := (&config.Config{LogLevel: o.logLevel}).Level(); err != nil {
		return fmt.Errorf("--log-level %q is not debug, info, warn or error", o.logLevel)
	}
	return nil
}

func isLoopback4(text string) bool {
	a, err := netip.ParseAddr(text)
	return err == nil && a.Is4() && a.IsLoopback()
}
