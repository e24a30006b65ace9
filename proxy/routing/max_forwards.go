package routing

import "github.com/sipring/sipring/proxy/wire"

// checkMaxForwards is RFC 3261 16.3 step 3. What has come as far as it may is
// answered, an OPTIONS as if it were for us. A REGISTER goes no further anyway.
func checkMaxForwards(_ *Tables, m *wire.Message, d *Decision) Verdict {
	if n, has, _ := m.MaxForwards(); !has || n > 0 || m.Method() == wire.MethodRegister {
		return Next
	}
	if m.Method() == wire.MethodOptions {
		return d.options(m)
	}
	return d.Reject(483, "Too Many Hops", "max_forwards", nil)
}
