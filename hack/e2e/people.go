//go:build linux

package main

import (
	"context"
	"fmt"
	"strings"
)

// asPeople has users with nothing but a ClusterRole of ours use the plugin: who observes
// sees how the cluster is, and no subscriber; who may know subscribers does, and asks
// the admin ports by programs in the pods, for want of the right to pods/proxy.
func asPeople(ctx context.Context, e *env, phone int) error {
	for _, kind := range []string{"observers", "subscribers"} {
		if err := e.bind(ctx, kind); err != nil {
			return err
		}
	}
	aor := e.party.load.Phones[phone].AOR()
	whole := []string{"3 of 3 members", " copies on other members\n"} // of all that there are
	for _, l := range []line{
		{args: []string{"status", "--as", "observers"}, wants: whole},
		{args: []string{"explain", "--as", "observers"}, wants: []string{"lost voice-0: ", "MemberLost"}},
		{args: []string{"where", aor, "--as", "observers"}, wants: []string{"you lack the right to create pods/exec"}, fails: true},
		{args: []string{"keys", "rotate", "--as", "observers"}, wants: []string{"you lack the right to patch sipclusters.sipring.io"}, fails: true},
		{args: []string{"status", "--as", "subscribers"}, wants: whole},
		{args: []string{"explain", "--as", "subscribers"}, wants: []string{"lost voice-0: ", "no Events: you lack the right to list events"}},
		{args: []string{"where", aor, "--as", "subscribers"}, wants: []string{"home", "replica"}},
		{args: []string{"status", "--as", "nobody"}, wants: []string{"you lack the right to list sipclusters.sipring.io"}, fails: true},
	} {
		out, err := e.sip(ctx, l)
		if err != nil {
			return err
		}
		if l.args[0] == "status" && strings.Contains(out, "does not answer") {
			return fmt.Errorf("%s misses proxies:\n%s", l.command(), out)
		}
	}
	e.stage.step("  as who may observe, and as who may know subscribers: each what its ClusterRole allows")
	return nil
}

// bind gives a user of the kind's name the installation's ClusterRole for it, in the
// namespace of the cluster.
func (e *env) bind(ctx context.Context, kind string) error {
	roles, err := e.kube.kubectl(ctx, "get", "clusterroles", "-o", "name")
	if err != nil {
		return err
	}
	for line := range strings.Lines(roles) {
		_, role, _ := strings.Cut(strings.TrimSpace(line), "/")
		if !strings.Contains(role, "sipring") || !strings.HasSuffix(role, "-"+kind) {
			continue
		}
		if _, err := e.kube.kubectl(ctx, "--namespace", namespace, "delete", "rolebinding", kind, "--ignore-not-found"); err != nil {
			return err
		}
		_, err := e.kube.kubectl(ctx, "--namespace", namespace, "create", "rolebinding", kind, "--clusterrole="+role, "--user="+kind)
		return err
	}
	return fmt.Errorf("no ClusterRole for %s among %s", kind, roles)
}
