// Package spec is what the cluster tells a machine's first process to do.
package spec

// GoFD is the file descriptor on which the first process receives one byte
// when its starter has recorded it, and only then begins.
const GoFD = 3

// Leaf is the cgroup, below the machine's root, of the first process.
const Leaf = "init"

// Machine is one machine: a control plane or a node.
type Machine struct {
	// Hostname is set in the machine's own UTS namespace.
	Hostname string `json:"hostname"`
	// Binds are the host's directories seen at other places in the machine.
	Binds []Bind `json:"binds,omitempty"`
	// Cgroups are the mount points of the cgroup hierarchies, seen from inside;
	// each has a group Leaf.
	Cgroups []string `json:"cgroups,omitempty"`
	// Tmpfs are directories that begin empty and vanish with the machine.
	Tmpfs []string `json:"tmpfs,omitempty"`
	// Programs are started in order.
	Programs []Program `json:"programs"`
}

// Bind shows the directory Source of the host at Target in the machine. Both
// must exist.
type Bind struct {
	Source string `json:"source"`
	Target string `json:"target"`
}

// Program is one program kept running: it is started again, after a second,
// whenever it ends.
type Program struct {
	Name string   `json:"name"`
	Args []string `json:"args"`
	Env  []string `json:"env,omitempty"`
	// Log is the file that its output is appended to.
	Log string `json:"log"`
	// After is what must answer before the program is started for the first
	// time: the path of a unix socket, host:port, or an https URL that must
	// return 200 (the certificate is not looked at).
	After []string `json:"after,omitempty"`
}
