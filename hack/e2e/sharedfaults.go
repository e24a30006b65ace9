//go:build linux

package main

import (
	"context"
	"errors"
	"time"

	"golang.org/x/sys/unix"
)

// sharedFaults in the order in which they happen.
func sharedFaults(name string) []fault {
	faults := []fault{
		cutOff("cut", "node cut off", false),
		{name: "sigkill", title: "SIGKILL", victim: name + "-0", reborn: true, do: sigkill},
		{name: "rollout", title: "rolling update", rolled: true, do: rollingUpdate(name)},
		cutOff("cut-leader", "node of the leader cut off", true),
		away("api", "API server away, SIGKILL meanwhile", "kube-apiserver", name+"-1"),
		away("etcd", "etcd away, SIGKILL meanwhile", "etcd", name+"-2"),
	}
	for i := range faults {
		faults[i] = faults[i].onShared()
	}
	return faults
}

// sharedSuffix tells these faults from others of the same kind.
const sharedSuffix = ", shared address"

// onShared is a fault of three proxies at a shared address.
func (f fault) onShared() fault {
	f.name, f.title, f.replicas, f.local = sharedCase+"-"+f.name, f.title+sharedSuffix, 3, true
	return f
}

// twoKilled needs three copies of each registration.
func twoKilled(name string) fault {
	victims := []string{name + "-0", name + "-1"}
	return fault{
		name: "two-killed", title: "two of three killed at once, R=3", reborn: true, victim: victims[0],
		do: func(ctx context.Context, e *env, _ string, struck func(time.Time)) error {
			var pids []int
			for _, victim := range victims { // looked for first, as it takes a while
				pid, err := e.kube.cluster.ContainerProcess(ctx, namespace, victim, "proxy")
				if err != nil {
					return err
				}
				pids = append(pids, pid)
			}
			at := time.Now()
			for _, pid := range pids {
				if err := unix.Kill(pid, unix.SIGKILL); err != nil {
					return err
				}
			}
			struck(at)
			return nil
		},
	}.onShared()
}

// away stops a program of the control plane, kills a proxy, and has the program go on after
// awayFor.
func away(name, title, program, victim string) fault {
	return fault{
		name: name, title: title, reborn: true,
		do: func(ctx context.Context, e *env, _ string, struck func(time.Time)) error {
			// Asked for while somebody answers.
			pid, err := e.kube.cluster.ContainerProcess(ctx, namespace, victim, "proxy")
			if err != nil {
				return err
			}
			if err := e.kube.cluster.SignalControlPlane(program, unix.SIGSTOP); err != nil {
				return err
			}
			stopped := time.Now()
			err = unix.Kill(pid, unix.SIGKILL)
			struck(stopped)
			select {
			case <-time.After(awayFor): // as long as it is to be away
			case <-ctx.Done():
			}
			return errors.Join(err, e.kube.cluster.SignalControlPlane(program, unix.SIGCONT))
		},
		mend: func(_ context.Context, e *env) error {
			return e.kube.cluster.SignalControlPlane(program, unix.SIGCONT) // what runs goes on
		},
	}
}
