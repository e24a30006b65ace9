//go:build linux

package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sipring/sipring/hack/kube/cluster"
)

func upCommand(state *string) *cobra.Command {
	var o cluster.Options
	cmd := &cobra.Command{
		Use:   "up",
		Short: "Bring the cluster up and wait until its nodes are ready",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			o.StateDir = *state
			o.Logf = logTo(cmd.ErrOrStderr())
			c, err := cluster.Up(cmd.Context(), o)
			if err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "export KUBECONFIG=%s\n", c.Kubeconfig())
			return nil
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&o.Name, "name", cluster.DefaultName, "name, to have several clusters")
	flags.IntVar(&o.Nodes, "nodes", cluster.DefaultNodes, "number of nodes")
	flags.IntVar(&o.Zones, "zones", 0, "number of zones (default one for each node)")
	flags.StringVar(&o.Subnet, "subnet", cluster.DefaultSubnet, "IPv4 /16 for nodes, pods and services")
	flags.BoolVar(&o.IPv6, "ipv6", false, "nodes, pods and Services have IPv6 alone")
	flags.StringVar(&o.AssetsDir, "assets", "", "directory that assets.sh built (default bin/kube of the project)")
	return cmd
}

func logTo(w io.Writer) func(string, ...any) {
	return func(format string, args ...any) { fmt.Fprintf(w, format+"\n", args...) }
}

func downCommand(state *string) *cobra.Command {
	var name string
	cmd := &cobra.Command{
		Use:   "down",
		Short: "Remove the cluster and everything it made, also after a crash",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return cluster.Down(cmd.Context(), *state, name)
		},
	}
	cmd.Flags().StringVar(&name, "name", cluster.DefaultName, "name the cluster was brought up with")
	return cmd
}

func statusCommand(state *string) *cobra.Command {
	return &cobra.Command{
		Use:   "status",
		Short: "List the nodes, or tell why there are none",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := cluster.Open(*state)
			if err != nil {
				return err
			}
			nodes, err := c.Client().CoreV1().Nodes().List(cmd.Context(), metav1.ListOptions{})
			if err != nil {
				return err
			}
			for _, node := range nodes.Items {
				last := node.Status.Conditions[len(node.Status.Conditions)-1]
				fmt.Fprintf(cmd.OutOrStdout(), "%s\t%s\t%s=%s\n",
					node.Name, node.Labels[cluster.ZoneLabel], last.Type, last.Status)
			}
			return nil
		},
	}
}
