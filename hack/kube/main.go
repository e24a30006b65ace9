//go:build linux

// Command kube runs a local Kubernetes cluster: see its help, and package
// cluster for what it is made of.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "kube:", err)
		os.Exit(1)
	}
}

func run() error {
	ctx, stop := signal.NotifyContext(context.Background(), unix.SIGINT, unix.SIGTERM)
	defer stop()
	return rootCommand().ExecuteContext(ctx)
}

func rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:           "kube",
		Short:         "A Kubernetes cluster of several nodes on this machine, and ways to break it",
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	state := root.PersistentFlags().String("state", "", "directory for all files of the cluster (default /tmp/sipring-kube)")
	root.AddCommand(
		upCommand(state), downCommand(state), statusCommand(state),
		imageCommand(), loadCommand(state), clientCommand(state),
		vipCommand(state), cutCommand(state), healCommand(state), killCommand(state),
	)
	return root
}
