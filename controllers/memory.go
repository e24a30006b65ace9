package controllers

import "k8s.io/apimachinery/pkg/types"

// memory is something that is remembered of each cluster.
type memory interface {
	forget(cluster types.NamespacedName)
}

type memories []memory

// forget drops all of them.
func (ms memories) forget(cluster types.NamespacedName) {
	for _, m := range ms {
		m.forget(cluster)
	}
}
