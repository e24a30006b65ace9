//go:build linux

package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/sipring/sipring/hack/kube/cluster"
)

// sequence is a case of several parts, each with calls and a result of its own.
type sequence struct {
	name, title string
	// in is the case that it is a part of. It is left out where that one is played.
	in string
	// apart: it takes minutes, and is played where it is named alone.
	apart bool
	play  func(ctx context.Context, e *env) ([]*result, error)
}

// sequences in the order in which they happen, after the faults.
func sequences() []sequence {
	return []sequence{
		{name: helmCase, title: "life of the chart's release", play: playHelm},
		skewed(),
		{name: pairCase, title: "two SIPClusters", play: playPair},
		{name: digestCase, title: "who may register", play: playDigest},
		{name: switchCase, title: "who may register is changed", apart: true, play: playSwitch},
		{name: postgresCase, title: "users in a database", play: playPostgres},
		{name: secureCase, title: "softphones over TLS", play: playSecure},
		{name: sidecarCase, title: "an application beside each proxy", apart: true, play: playSidecar},
		{name: kindsCase, title: "other applications beside each proxy", apart: true, play: playKinds},
		{name: sharedCase, title: "an address that nodes share", apart: true, play: playShared},
		{name: natCase, title: "phones behind a NAT", apart: true, play: playNAT},
		{name: compareCase, title: "beside Kamailio", apart: true, play: playCompare},
		{name: pluginCase, title: "the plugin of kubectl", play: playPlugin},
	}
}

// playSequence plays one where the nodes are at hand: nobody else can be asked for
// an image that is in no registry.
func (e *env) playSequence(ctx context.Context, s sequence) ([]*result, error) {
	if !e.kube.cluster.Local() {
		return []*result{{Case: s.name, Title: s.title, Skipped: cluster.ErrNotLocal.Error()}}, nil
	}
	results, err := s.play(ctx, e)
	if errors.Is(err, errNoHistory) {
		return []*result{{Case: s.name, Title: s.title, Skipped: err.Error()}}, nil
	}
	return results, err
}

// previous makes the previous program ready: on every node, and the folder of its
// files.
func (e *env) previous(ctx context.Context) (string, error) {
	tree, err := previousTree(ctx)
	if err != nil {
		return "", err
	}
	return tree, e.kube.loadImage(ctx, previousImage, filepath.Join(tree, "sipring"))
}

// inTurn plays a case's parts, with all three proxies.
func (e *env) inTurn(ctx context.Context, name string, parts []fault) (results []*result, err error) {
	for _, f := range parts {
		f.name, f.replicas, f.patience, f.local = name, 3, cmp.Or(f.patience, patience), true
		r, err := e.play(ctx, f)
		results = append(results, r)
		if err != nil {
			return results, fmt.Errorf("%s: %w", f.title, err)
		}
	}
	return results, nil
}

// step is what is done to an installation.
type step func(ctx context.Context, e *env) error

// inOrder are steps that may disturb from the first one's start on.
func inOrder(steps ...step) func(context.Context, *env, string, func(time.Time)) error {
	return func(ctx context.Context, e *env, _ string, struck func(time.Time)) error {
		struck(time.Now())
		for _, s := range steps {
			if err := s(ctx, e); err != nil {
				return err
			}
		}
		return nil
	}
}
