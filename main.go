// Command sipring is the operator, the proxy and the demonstration in one binary.
package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/sipring/sipring/controllers"
	"github.com/sipring/sipring/demo"
	"github.com/sipring/sipring/proxy/command"
)

func main() {
	root := &cobra.Command{
		Use:           "sipring",
		Short:         "A cluster of SIP proxies that behaves like one that does not die",
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.AddCommand(command.Proxy(), command.Keys(), command.Password(), command.Where(), command.Bindings(), command.Unregister(), command.Trace(), command.Drain(), command.Admin(), command.Address(), command.VersionCommand(), controllers.NewCommand(), demo.NewCommand())
	if err := root.Execute(); err != nil {
		fmt.Fprintln(os.Stderr, "sipring:", err)
		os.Exit(command.ExitCode(err))
	}
}
