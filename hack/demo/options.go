package demo

import (
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/spf13/cobra"
)

// options of the demo.
type options struct {
	proxies  int
	phones   int
	calls    int
	page     string
	keep     time.Duration
	network  string
	logLevel string
}

// NewCommand is `sipring demo`.
func NewCommand() *cobra.Command {
	o := &options{}
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Kill a proxy on this machine and see what the phones lose",
		Long: `Starts proxies as processes on loopback addresses, lets simulated phones register
and call, kills one proxy with SIGKILL, and prints a timeline and what was lost.
It exits with an error when anything was. A page on the printed address shows
the ring and the timeline live.`,
		Args:          cobra.NoArgs,
		SilenceUsage:  true,
		SilenceErrors: false,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.validate(); err != nil {
				return err
			}
			return run(cmd.Context(), o, cmd.OutOrStdout())
		},
	}
	f := cmd.Flags()
	f.IntVar(&o.proxies, "proxies", 3, "proxies to start, 2 to 20")
	f.IntVar(&o.phones, "phones", 300, "phones to register, at least twice the calls")
	f.IntVar(&o.calls, "calls", 50, "calls to hold while the proxy is killed")
	f.StringVar(&o.page, "page", "127.0.0.1:0", "address of the live page; empty for none")
	f.DurationVar(&o.keep, "keep", 0, "how long to go on after the report, for looking at the page; Ctrl-C ends it")
	f.StringVar(&o.network, "network", "127.77.0.0", "the /24 of loopback addresses to use: .1 is the cluster, .11 and up the proxies, .200 the phones")
	f.StringVar(&o.logLevel, "log-level", "info", "log level of the proxies (their logs are files in a temporary folder, kept when something was lost)")
	return cmd
}

func (o *options) validate() error {
	a, err := netip.ParseAddr(o.network)
	switch {
	case err != nil || !a.Is4() || !a.IsLoopback():
		return fmt.Errorf("--network %q is not a loopback IPv4 address", o.network)
	case o.proxies < 2 || o.proxies > 20:
		return errors.New("--proxies must be 2 to 20: one is killed and another must be left")
	case o.calls < 1 || o.phones < 2*o.calls:
		return errors.New("--phones must be at least twice --calls, and --calls at least 1")
	case o.phones > 5000:
		return errors.New("--phones must be at most 5000")
	}
	return nil
}

// host is the address with that last byte in the demo's network.
func (o *options) host(last byte) netip.Addr {
	b := netip.MustParseAddr(o.network).As4()
	b[3] = last
	return netip.AddrFrom4(b)
}
