//go:build linux

package main

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sipring/sipring/demo/fleet"
	"github.com/sipring/sipring/demo/phones"
)

// usersSecret has the users of the SIPClusters, as their manifests name it.
const usersSecret = "users"

// everybody is all who register or call, with passwords drawn for this run.
func everybody(n int) fleet.Passwords {
	p := fleet.NewPasswords(desk, caller, guest, door)
	for _, user := range browserUsers {
		p.Add(user)
	}
	for i := range n {
		p.Add(phones.User(i))
	}
	for i := range regularUsers {
		p.Add(regularUser(i))
	}
	for i := range maxNewcomers {
		p.Add(newcomerUser(i))
	}
	return p
}

// putUsers makes the Secret of what proxies have to know of these users: hashes.
func (k *kube) putUsers(ctx context.Context, name string, users fleet.Passwords) error {
	_, err := k.cluster.Client().CoreV1().Secrets(namespace).Create(ctx, &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Name: name}, Data: map[string][]byte{"users": users.Lines(domain)},
	}, metav1.CreateOptions{})
	if err != nil {
		return fmt.Errorf("secret %s: %w", name, err)
	}
	return nil
}
