//go:build linux

package main

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// A pod has left when no slice of any family has it ready any more, and not before.
func TestAPodLeavesWithItsLastSlice(t *testing.T) {
	slice := func(name string, ready ...bool) *discoveryv1.EndpointSlice {
		s := &discoveryv1.EndpointSlice{ObjectMeta: metav1.ObjectMeta{Name: name}}
		for i, r := range ready {
			s.Endpoints = append(s.Endpoints, discoveryv1.Endpoint{
				TargetRef:  &corev1.ObjectReference{Name: []string{"a", "b"}[i]},
				Addresses:  []string{[]string{"192.0.2.1", "192.0.2.2"}[i]},
				Conditions: discoveryv1.EndpointConditions{Ready: &r},
			})
		}
		return s
	}
	l := &sliceLog{ready: map[string]map[string]string{}, lost: map[string][]time.Time{}}
	began := time.Unix(1000, 0)
	at := func(seconds int) time.Time { return began.Add(time.Duration(seconds) * time.Second) }
	l.note(slice("four", true, true), at(0))
	l.note(slice("six", true, true), at(1))
	l.note(slice("four", false, true), at(2))
	if d, lost := l.lostAfter("a", began); lost {
		t.Errorf("a has left after %v, and one slice has it", d)
	}
	l.note(slice("six", false, true), at(3))
	l.note(slice("six", false), at(4))
	if d, lost := l.lostAfter("a", began); !lost || d != 3*time.Second {
		t.Errorf("a has left: %v, after %v, want 3 s", lost, d)
	}
	if d, lost := l.lostAfter("b", began); lost {
		t.Errorf("b has left after %v, and one slice has it", d)
	}
	l.note(slice("four", true, false), at(5))
	if d, lost := l.lostAfter("b", began); !lost || d != 5*time.Second {
		t.Errorf("b has left: %v, after %v, want 5 s", lost, d)
	}
	if a := l.pick(); a.String() != "192.0.2.1" {
		t.Errorf("%s is picked, and a alone is ready", a)
	}
	if _, lost := l.lostAfter("a", at(3)); lost {
		t.Error("a is back, and has left after that")
	}
}
