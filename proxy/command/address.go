package command

import (
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/sipring/sipring/proxy/address"
	"github.com/sipring/sipring/proxy/address/node"
)

// Address returns the command that has this host hold the cluster's shared address.
func Address() *cobra.Command {
	o := &options{}
	var namespace string
	cmd := &cobra.Command{
		Use:   "address",
		Short: "Hold the cluster's shared address on this node while it runs",
		Long: `Hold the cluster's shared address (sharedAddresses of the configuration) on this
node, at the loopback interface, while it runs: for a proxy beside it, which binds that.
It needs the capability NET_ADMIN.

The kernel has the address for 10 seconds, and it is renewed every 2: whatever ends this
process, the address goes. Nothing is reached there but the ports of listeners. An
address that somebody else has configured on the node is neither taken nor removed.`,
		Args:         cobra.NoArgs,
		SilenceUsage: true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := o.readConfig()
			if err != nil {
				return err
			}
			plan, err := address.PlanOf(c, namespace)
			if err != nil {
				return err
			}
			if o.check {
				return node.Check(plan)
			}
			ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
			defer stop()
			return node.Hold(ctx, plan, slog.New(slog.NewTextHandler(os.Stderr, nil)))
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.config, "config", "", "configuration file, YAML or JSON")
	f.StringVar(&namespace, "namespace", os.Getenv("NAMESPACE"), "the namespace of the cluster, by which those of one name differ (default $NAMESPACE)")
	f.BoolVar(&o.check, "check", false, "say whether the node holds the address, and end")
	_ = cmd.MarkFlagRequired("config")
	return cmd
}
