// Package egress says where a proxy may send requests. Whoever registers a
// contact or is in a call names the address; without a policy the proxy would send
// to whatever it can reach and they cannot, and its answers would tell them what
// listens there.
//
// # What is refused
//
// Always: what is not the address of one host (unspecified, 0.0.0.0/8, multicast,
// broadcast), port 0, and the ports that members have for each other and for the
// operator, at every address of the cluster.
//
// Unless a rule of config.Egress.Allow says otherwise: loopback, but for a proxy
// that listens on loopback itself; link-local; reserved addresses (240.0.0.0/4)
// and NAT64 of the site (64:ff9b:1::/48); the addresses at which clouds tell virtual machines their secrets; and where
// the cluster itself receives SIP. A request that is for the cluster need not
// leave it, and one that comes back costs as much again.
//
// Whatever config.Egress.Deny names. Private addresses are not refused: phones
// have them, and so have pods. What else has one, such as the Services of
// Kubernetes, the proxy cannot know.
//
// # Which rule counts
//
// The longest prefix that has the address. Of equally long ones that with a range
// of ports, then that of Deny, then that of Allow, then what is said above. An
// address without a rule is allowed.
//
// An IPv6 address that stands for an IPv4 one (mapped, 6to4, Teredo, NAT64, ISATAP
// and older forms) must be allowed as both, whatever rule has the IPv6 form.
//
// # Invariants
//
//   - A Policy is immutable and safe for concurrent use.
//   - Allows and Answers do not allocate, and take some ten nanoseconds.
package egress
