// Package cluster runs a real Kubernetes cluster of several nodes on one Linux
// machine, without a container engine, an image registry or virtual machines,
// and breaks it on demand.
//
//	            fabric: a network namespace with a bridge, 10.77.0.0/24
//	  ┌──────────┬─────────┴──┬───────────┬──────────────┐
//	host .1     cp .2      client .3   node1 .11      node2 .12 ...
//	kubectl,    etcd,      phones,     containerd, kubelet, kube-proxy, pods
//	tests       API ...    no cluster
//
// Every machine but the host, every pod and, where it asks for it, every Service
// has an IPv6 address besides.
//
// Invariants:
//
//   - Every machine (the control plane and each node) is one process with its
//     own process, mount, cgroup, host name and IPC namespaces in a named
//     network namespace. All that runs on the machine is below it. Ending a machine is
//     ending that process: the kernel does the rest, so Down works after any
//     crash.
//   - No process is started before its parent has recorded it, and none is
//     killed unless its id and start time are those recorded.
//   - All files are below Options.StateDir. Outside it the cluster owns, by
//     name, its network namespaces, one network interface and one cgroup per
//     controller, and removes them in Down.
//   - The host's own network settings are not changed.
//
// A Cluster opened from a kubeconfig of the user's own has no machines: what
// needs them fails with ErrNotLocal.
package cluster
