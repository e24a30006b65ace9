//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/sipring/sipring/proxy/config"
)

// silent is in a status that misses a proxy, and whole is in one that misses none.
const silent = "does not answer"

var whole = []string{"3 of 3 members", " copies on other members\n"}

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
	for _, l := range []line{
		{args: []string{"status", "--as", "observers"}, wants: whole, never: silent},
		{args: []string{"explain", "--as", "observers"}, wants: []string{"lost voice-0: ", "MemberLost"}},
		{args: []string{"where", aor, "--as", "observers"}, wants: []string{"you lack the right to create pods/exec"}, fails: true},
		{args: []string{"keys", "rotate", "--as", "observers"}, wants: []string{"you lack the right to patch sipclusters.sipring.io"}, fails: true},
		{args: []string{"status", "--as", "subscribers"}, wants: whole, never: silent},
		{args: []string{"explain", "--as", "subscribers"}, wants: []string{"lost voice-0: ", "no Events: you lack the right to list events"}},
		{args: []string{"where", aor, "--as", "subscribers"}, wants: []string{"home", "replica"}},
		{args: []string{"status", "--as", "nobody"}, wants: []string{"you lack the right to list sipclusters.sipring.io"}, fails: true},
	} {
		if _, err := e.sip(ctx, l); err != nil {
			return err
		}
	}
	e.stage.step("  as who may observe, and as who may know subscribers: each what its ClusterRole allows")
	return nil
}

// unreached has the plugin ask proxies whose admin ports the API server does not reach:
// by programs in the pods, for who may run them.
func unreached(ctx context.Context, e *env, _ int) (err error) {
	if err := e.kube.cluster.ClosePort(ctx, config.DefaultAdminPort); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, e.kube.cluster.OpenPort(context.WithoutCancel(ctx))) }()
	for _, l := range []line{
		{args: []string{"status"}, wants: whole, never: silent},
		{args: []string{"status", "--as", "observers"}, wants: []string{
			"voice-2 does not answer: by pods/proxy: no answer within 5s; by pods/exec: you lack the right to create pods/exec",
		}},
	} {
		if _, err := e.sip(ctx, l); err != nil {
			return err
		}
	}
	e.stage.step("  and where the API server does not reach the admin ports: by programs in the pods")
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
