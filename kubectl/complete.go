package kubectl

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sipring/sipring/proxy/config"
)

// completion finds what a word that was begun may become.
type completion = func(cmd *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective)

// completeTime bounds the wait of somebody who pressed Tab.
const completeTime = 3 * time.Second

// first completes the first argument, and no other one.
func first(f completion) completion {
	return func(cmd *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return f(cmd, args, begun)
	}
}

// nothing completes no argument: above all not by the names of files.
func nothing(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return nil, cobra.ShellCompDirectiveNoFileComp
}

// completing finds names through the API server. Where it cannot, there are none.
func (p *plugin) completing(begun string, list func(context.Context, *api) ([]string, error)) ([]string, cobra.ShellCompDirective) {
	ctx, cancel := context.WithTimeout(context.Background(), completeTime)
	defer cancel()
	a, err := p.api()
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	names, err := list(ctx, a)
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	names = slices.DeleteFunc(names, func(n string) bool { return !strings.HasPrefix(n, begun) })
	slices.Sort(names)
	return names, cobra.ShellCompDirectiveNoFileComp
}

func (p *plugin) clusterNames(_ *cobra.Command, _ []string, begun string) ([]string, cobra.ShellCompDirective) {
	return p.completing(begun, func(ctx context.Context, a *api) (names []string, err error) {
		all, err := a.clusters(ctx, a.namespace)
		for i := range all {
			names = append(names, all[i].Name)
		}
		return names, err
	})
}

// podNames are those of proxies: of the SIPCluster, where one is named.
func (p *plugin) podNames(_ *cobra.Command, _ []string, begun string) ([]string, cobra.ShellCompDirective) {
	return p.completing(begun, func(ctx context.Context, a *api) (names []string, err error) {
		selector := config.LabelCluster
		if p.cluster != "" {
			selector += "=" + p.cluster
		}
		list, err := a.kube.CoreV1().Pods(a.namespace).List(ctx, metav1.ListOptions{LabelSelector: selector})
		if err != nil {
			return nil, err
		}
		for i := range list.Items {
			names = append(names, list.Items[i].Name)
		}
		return names, nil
	})
}

func (p *plugin) namespaces(_ *cobra.Command, _ []string, begun string) ([]string, cobra.ShellCompDirective) {
	return p.completing(begun, func(ctx context.Context, a *api) (names []string, err error) {
		list, err := a.kube.CoreV1().Namespaces().List(ctx, metav1.ListOptions{})
		if err != nil {
			return nil, err
		}
		for i := range list.Items {
			names = append(names, list.Items[i].Name)
		}
		return names, nil
	})
}

func (p *plugin) contexts(_ *cobra.Command, _ []string, begun string) ([]string, cobra.ShellCompDirective) {
	raw, err := p.flags.ToRawKubeConfigLoader().RawConfig()
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	var names []string
	for name := range raw.Contexts {
		if strings.HasPrefix(name, begun) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names, cobra.ShellCompDirectiveNoFileComp
}
