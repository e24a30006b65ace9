package targets

import "github.com/sipring/sipring/proxy/flow"

// applicationGroup is the Group of the applications that a request may go to: they are
// tried one after the other, as the flows to one phone are (RFC 5626 5.3).
const applicationGroup = 2

// AppendApplications appends the applications beside members, in the order in which they
// are tried, each at its port in the member's pod. The request keeps its Request-URI, or
// gets that of the contact which has led to a user of the application. last: they are tried
// when nobody else has taken the call.
func AppendApplications(dst []Target, members []uint32, port uint16, uri, aor []byte, last bool) []Target {
	for _, id := range members {
		t := Target{URI: uri, AOR: aor, Group: applicationGroup, Last: last}
		t.setFlow(flow.ToLocal(id, port))
		dst = append(dst, t)
	}
	return dst
}
