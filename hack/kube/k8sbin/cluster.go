//go:build !envtest

package main

import (
	"context"

	"github.com/spf13/cobra"
	controllermanager "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	kubeproxy "k8s.io/kubernetes/cmd/kube-proxy/app"
	scheduler "k8s.io/kubernetes/cmd/kube-scheduler/app"
	kubelet "k8s.io/kubernetes/cmd/kubelet/app"
)

// clusterPrograms are those that only a whole cluster needs.
func clusterPrograms() map[string]program {
	return map[string]program{
		"kube-controller-manager": command(controllermanager.NewControllerManagerCommand),
		"kube-scheduler":          command(func() *cobra.Command { return scheduler.NewSchedulerCommand() }),
		"kube-proxy":              command(kubeproxy.NewProxyCommand),
		"kubelet": command(func() *cobra.Command {
			return kubelet.NewKubeletCommand(context.Background())
		}),
	}
}
