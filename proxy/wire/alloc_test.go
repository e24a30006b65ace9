package wire

import "testing"

// Nothing on the way of a message allocates once the slices have grown.
func TestNoAllocations(t *testing.T) {
	var m Message
	var e Edit
	dst := make([]byte, 0, 4096)
	bad := []byte("INVITE sip:a b SIP/2.0\r\nVia: SIP/2.0/UDP a\r\n\r\n")
	invalid := []byte("INVITE sip:a SIP/2.0\r\nVia: SIP/2.0/UDP a\r\n\r\n")
	control := []byte("INVITE sip:a SIP/2.0\r\nVia: SIP/2.0/UDP a\r\nX: \r\x00\r\n\r\n")
	toTag, received := []byte("tag"), []byte("192.0.2.1")
	a, b := []byte("sip:a@[2001:db8::1];x=1;transport=tcp?y=z"), []byte("sip:a@[2001:DB8::1];transport=TCP?y=z")
	tel := []byte("tel:+1-201")
	sink := 0
	for name, f := range map[string]func(){
		"scan":             func() { _ = m.Scan(benchINVITE, nil) },
		"scan, control":    func() { _ = m.Scan(control, nil); dst = AppendResponse(dst[:0], &m, 400, "", toTag, nil) },
		"scan, bad":        func() { _ = m.Scan(bad, nil) },
		"validate":         func() { _ = m.Scan(benchINVITE, nil); _ = m.Validate() },
		"validate, bad":    func() { _ = m.Scan(invalid, nil); _ = m.Validate() },
		"forward":          func() { _ = m.Scan(benchINVITE, nil); dst = forward(&m, &e, dst[:0]) },
		"forward response": func() { e.Reset(&m); e.RemoveTopVia(); dst = e.Append(dst[:0]) },
		"patch Via":        func() { e.Reset(&m); e.PatchTopVia(received, 5060, true); dst = e.Append(dst[:0]) },
		"respond":          func() { dst = AppendResponse(dst[:0], &m, 404, "Not Found", toTag, nil) },
		"respond, patched": func() {
			o := ResponseOptions{ToTag: toTag, Received: received, RPort: 1, SetRPort: true, RecordRoute: true}
			dst = AppendResponseWith(dst[:0], &m, 404, "Not Found", &o)
		},
		"values": func() {
			for v := range m.Values(HeaderAllow) {
				sink += len(v)
			}
		},
		"typed": func() {
			via, _ := m.TopVia()
			_, _ = m.SecondVia()
			from, _ := m.From()
			uri, _ := ParseURI(from.URI)
			_, _ = uri.Param("transport")
			_, _, _ = m.CSeq()
			_, _, _ = m.MaxForwards()
			_, _, _ = m.MaxBreadth()
			_, _, _ = m.Expires()
			sink += len(via.Branch()) + len(m.FromTag()) + len(m.ToTag()) + len(m.CallID())
			dst = CanonicalAOR(dst[:0], uri)
		},
		"typed, bad":  func() { _, _ = ParseURI(received); _, _ = ParseVia(received); _, _ = ParseNameAddr(received) },
		"equal":       func() { sink += len(a); _ = EqualURI(a, b) },
		"tel":         func() { u, _ := ParseURI(tel); dst = CanonicalAOR(dst[:0], u) },
		"IP address":  func() { _, _ = HostAddr(a[6:19]) },
		"header name": func() { sink += int(LookupHeader("Record-Route")) },
	} {
		if err := m.Scan(benchINVITE, nil); err != nil {
			t.Fatal(err)
		}
		f()
		if n := testing.AllocsPerRun(100, f); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
	if !EqualURI(a, b) || sink == 0 {
		t.Error("nothing was measured")
	}
}
