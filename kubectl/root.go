package kubectl

import (
	"time"

	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericclioptions"
)

// Options of the command.
type Options struct {
	// Version of this program.
	Version string
	Streams genericclioptions.IOStreams
	// Runner runs programs in pods; nil is the API server's exec.
	Runner Runner
	// Now is the clock; nil is time.Now.
	Now func() time.Time
	// Tick is how often a command that waits looks again; 0 is a second.
	Tick time.Duration
	// Patience is how long an answer of a proxy's admin port may take, by each way to
	// it; 0 is 5 seconds.
	Patience time.Duration
}

// plugin is what all commands share.
type plugin struct {
	Options
	flags *genericclioptions.ConfigFlags
	// cluster is the name that --sipcluster gives, empty where there is none.
	cluster string
}

// New returns `kubectl sip`.
func New(o Options) *cobra.Command {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Tick == 0 {
		o.Tick = time.Second
	}
	if o.Patience == 0 {
		o.Patience = 5 * time.Second
	}
	p := &plugin{Options: o, flags: genericclioptions.NewConfigFlags(true).WithWarningPrinter(o.Streams)}
	root := &cobra.Command{
		Use:           "kubectl-sip",
		Short:         "Look at clusters of SIP proxies, and at what is registered with them",
		SilenceErrors: true,
		SilenceUsage:  true,
		Annotations:   map[string]string{cobra.CommandDisplayNameAnnotation: "kubectl sip"},
	}
	root.SetIn(o.Streams.In)
	root.SetOut(o.Streams.Out)
	root.SetErr(o.Streams.ErrOut)
	p.flags.AddFlags(root.PersistentFlags())
	for name, values := range map[string]completion{"namespace": p.namespaces, "context": p.contexts} {
		_ = root.RegisterFlagCompletionFunc(name, values) // its only error is that there is no such flag
	}
	root.AddCommand(p.status(), p.events(), p.explain(), p.where(), p.bindings(), p.unregister(), p.trace(), p.drain(), p.keys(), p.version())
	return root
}

// ofCluster gives cmd the flag that names the SIPCluster.
func (p *plugin) ofCluster(cmd *cobra.Command) *cobra.Command {
	cmd.Flags().StringVar(&p.cluster, "sipcluster", "", "the SIPCluster, where the namespace has several")
	_ = cmd.RegisterFlagCompletionFunc("sipcluster", p.clusterNames)
	return cmd
}
