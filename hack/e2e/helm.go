//go:build linux

package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

const (
	helmCase = "helm"
	chart    = "charts/sipring"
	// words of the CRD, which an earlier kustomization has not.
	words, earlierWords = "a cluster of SIP proxies", "a cluster of the SIP proxies of before"
)

// playHelm takes the release through its life, with phones and calls all the
// while: pods are replaced where their image changes, and nowhere else.
func playHelm(ctx context.Context, e *env) ([]*result, error) {
	results, err := e.playSequence(ctx, skewed())
	if err != nil {
		return results, err
	}
	today, err := values(e.stage.o.image)
	if err != nil {
		return results, err
	}
	parent, err := parentChart(e.stage.o.image)
	if err != nil {
		return results, err
	}
	more, err := e.inTurn(ctx, helmCase, append(reinstalled(today), taken(parent, today)...))
	return append(results, more...), err
}

// values of the chart, all at once: helm upgrade keeps those of before where none
// are given. One step does not wait for the pause after another.
func values(image string) ([]string, error) {
	set, err := setImage(image)
	return append(set, "--set", "rolling.pause=0s"), err
}

// reinstalled are the steps that leave the proxies alone, for a while without an
// operator. The kubelet starts one that dies then again; until it has, nobody takes
// it out of the traffic.
func reinstalled(today []string) []fault {
	return []fault{
		{title: "helm uninstall", kept: true, until: unattended, do: inOrder(uninstall)},
		{
			title: "SIGKILL without an operator", patience: cutPatience, until: unattended,
			do: func(ctx context.Context, e *env, _ string, struck func(time.Time)) error {
				return sigkill(ctx, e, "voice-0", struck)
			},
		},
		{
			title: "helm install again", kept: true, until: attended("again"),
			do: inOrder(helm("install", chart, today...), ask("again")),
		},
	}
}

// taken are the steps from one way of installing to another. Two installations in
// different namespaces are two operators: one waits until the other is gone.
func taken(parent string, today []string) []fault {
	return []fault{
		{
			title: "umbrella chart", kept: true, until: attended("umbrella"),
			do: inOrder(uninstall, helm("install", parent), ask("umbrella")),
		},
		{
			title: "sipring.enabled=false", kept: true, until: unattended,
			do: inOrder(helm("upgrade", parent, "--set", "sipring.enabled=false")),
		},
		{
			title: "helm to kustomization", kept: true, until: attended("kustomize"),
			do: inOrder(uninstall, kustomize, ask("kustomize")),
		},
		{
			title: "kustomization to helm", kept: true, until: attended("helm"),
			do: inOrder(helm("install", chart, append([]string{"--take-ownership", "--force-conflicts"}, today...)...),
				unkustomize("config/manager"), unkustomize("config/rbac"), ask("helm"), renewed),
		},
	}
}

func helm(verb, chart string, args ...string) step {
	return func(ctx context.Context, e *env) error {
		return e.kube.helm(ctx, append([]string{verb, release, chart, "--namespace", operatorNamespace, "--wait"}, args...)...)
	}
}

func uninstall(ctx context.Context, e *env) error {
	return e.kube.helm(ctx, "uninstall", release, "--namespace", operatorNamespace, "--wait")
}

func rollback(ctx context.Context, e *env) error {
	return e.kube.helm(ctx, "rollback", release, "--namespace", operatorNamespace, "--wait")
}

// kustomize installs by the kustomization, with a CRD as another version would
// bring it.
func kustomize(ctx context.Context, e *env) error {
	text, err := e.kube.kubectl(ctx, "kustomize", "config/default")
	if err != nil {
		return err
	}
	if !strings.Contains(text, words) {
		return fmt.Errorf("the CRD has not the words %q", words)
	}
	path := filepath.Join(os.TempDir(), "earlier.yaml")
	text = strings.NewReplacer(defaultImage, e.stage.o.image, words, earlierWords).Replace(text)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		return err
	}
	// Again where the namespace of an earlier time is still on its way out.
	return eventually(ctx, installLimit, func(ctx context.Context) error {
		_, err := e.kube.kubectl(ctx, "apply", "-f", path)
		return err
	})
}

// renewed: the CRD is the chart's.
func renewed(ctx context.Context, e *env) error {
	text, err := e.kube.kubectl(ctx, "get", "crd", crdName, "-o", "jsonpath={.spec.versions[*].schema.openAPIV3Schema.description}")
	if err == nil && !strings.Contains(text, words) {
		err = fmt.Errorf("the CRD is still the kustomization's: %s", text)
	}
	return err
}

func unkustomize(folder string) step {
	return func(ctx context.Context, e *env) error {
		_, err := e.kube.kubectl(ctx, "delete", "-k", folder, "--wait=false")
		return err
	}
}

// parentChart writes a chart that has ours as a dependency and tells it the
// registry by a global.
func parentChart(image string) (string, error) {
	repository, tag, err := splitImage(image)
	if err != nil {
		return "", err
	}
	registry, rest, _ := strings.Cut(repository, "/")
	dir, err := os.MkdirTemp("", "umbrella-")
	if err != nil {
		return "", err
	}
	for name, text := range map[string]string{
		"Chart.yaml": "apiVersion: v2\nname: telephony\nversion: 1.0.0\n" +
			"dependencies:\n- {name: sipring, version: \"*\", condition: sipring.enabled}\n",
		"values.yaml": fmt.Sprintf("global:\n  imageRegistry: %s\nsipring:\n  enabled: true\n  image: {repository: registry.invalid/%s, tag: %q}\n",
			registry, rest, tag),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			return "", err
		}
	}
	return dir, os.CopyFS(filepath.Join(dir, "charts", "sipring"), os.DirFS(chart))
}
