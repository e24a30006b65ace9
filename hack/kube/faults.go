//go:build linux

package main

import (
	"fmt"
	"os"
	"os/exec"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/sipring/sipring/hack/kube/cluster"
)

func clientCommand(state *string) *cobra.Command {
	return &cobra.Command{
		Use:                "client COMMAND [ARG...]",
		Short:              "Run a command on the client machine, outside the cluster, where the phones are",
		Args:               cobra.MinimumNArgs(1),
		DisableFlagParsing: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := cluster.Open(*state)
			if err != nil {
				return err
			}
			client, err := c.ClientCommand(cmd.Context(), args[0], args[1:]...)
			if err != nil {
				return err
			}
			return attached(client)
		},
	}
}

func attached(cmd *exec.Cmd) error {
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	return cmd.Run()
}

func vipCommand(state *string) *cobra.Command {
	return &cobra.Command{
		Use:   "vip NAMESPACE/SERVICE ADDRESS...",
		Short: "Give a Service of type LoadBalancer addresses, one of each family it has, as MetalLB would, and route the client there",
		Args:  cobra.RangeArgs(2, 3),
		RunE: func(cmd *cobra.Command, args []string) error {
			namespace, service, err := namespaced(args[0])
			if err != nil {
				return err
			}
			c, err := cluster.Open(*state)
			if err != nil {
				return err
			}
			return c.AssignVIP(cmd.Context(), namespace, service, args[1:]...)
		},
	}
}

func cutCommand(state *string) *cobra.Command {
	return &cobra.Command{
		Use:   "cut NODE",
		Short: "Pull a node's network cable: the node lives, nothing reaches it",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := cluster.Open(*state)
			if err != nil {
				return err
			}
			return c.CutNode(cmd.Context(), args[0])
		},
	}
}

func healCommand(state *string) *cobra.Command {
	return &cobra.Command{
		Use:   "heal NODE",
		Short: "Plug the cable of a cut node in again",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := cluster.Open(*state)
			if err != nil {
				return err
			}
			return c.HealNode(cmd.Context(), args[0])
		},
	}
}

func killCommand(state *string) *cobra.Command {
	var signal string
	cmd := &cobra.Command{
		Use:   "kill NAMESPACE/POD CONTAINER",
		Short: "Send a signal to the first process of a container",
		Args:  cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			namespace, pod, err := namespaced(args[0])
			if err != nil {
				return err
			}
			number := unix.SignalNum("SIG" + strings.TrimPrefix(signal, "SIG"))
			if number == 0 {
				return fmt.Errorf("signal %q", signal)
			}
			c, err := cluster.Open(*state)
			if err != nil {
				return err
			}
			killed, err := c.KillContainerProcess(cmd.Context(), namespace, pod, args[1], number)
			if err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "process %d at %s\n", killed.PID, killed.At.Format("15:04:05.000"))
			return nil
		},
	}
	cmd.Flags().StringVar(&signal, "signal", "KILL", "name of the signal")
	return cmd
}

func namespaced(s string) (namespace, name string, err error) {
	namespace, name, ok := strings.Cut(s, "/")
	if !ok || namespace == "" || name == "" {
		return "", "", fmt.Errorf("%q: want NAMESPACE/NAME", s)
	}
	return namespace, name, nil
}
