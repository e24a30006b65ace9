package config

import (
	"bytes"
	"testing"
)

// FuzzMemberSet: a set from a peer, a file or the API is refused, or stays what it
// is when it is passed on.
func FuzzMemberSet(f *testing.F) {
	whole, _ := sampleSet().Marshal() // plain data
	f.Add(whole)
	f.Add([]byte(`{"epoch":1,"members":[{"id":1,"name":"a","address":"127.0.0.1","state":"active"}]}`))
	f.Add([]byte(`{"epoch":9007199254740992,"advertise":"[::1]:5060","ring":{"partitions":1048576,"replicas":5},"members":[]}`))
	f.Add([]byte(`{"epoch":1,"members":[{"id":2,"name":"b","address":"::ffff:127.0.0.1","state":"joining"},{"id":1,"name":"a","address":"fe80::1%lo","state":"draining"}],"signatures":[{"key":"","signature":"AA=="}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		set, err := ParseMemberSet(text)
		if err != nil {
			return
		}
		one, err := set.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		again, err := ParseMemberSet(one)
		if err != nil {
			t.Fatalf("what it wrote it refuses: %v\n%s", err, one)
		}
		two, err := again.Marshal()
		if err != nil || !bytes.Equal(one, two) || !set.Equal(again) {
			t.Fatalf("%v\n%s\n%s", err, one, two)
		}
		if set.Epoch > MaxEpoch || len(set.Members) > MaxMembers {
			t.Fatalf("beyond its bounds: epoch %d, %d members", set.Epoch, len(set.Members))
		}
	})
}

// FuzzSignedMemberSet: what is believed says what was signed, whatever is added to
// it or how it is written.
func FuzzSignedMemberSet(f *testing.F) {
	keys := &Keys{Keys: []Key{fixedKey(1)}}
	trust := keys.Trust(identity)
	signed := mustSign(f, keys, identity, sampleSet())
	f.Add(signed)
	f.Add(bytes.Replace(signed, []byte(`"epoch"`), []byte(`"epoch": 8, "epoch"`), 1))
	f.Add(bytes.Replace(signed, []byte(`"epoch"`), []byte(`"Epoch"`), 1))
	f.Add(mustSign(f, keys, "voice/gong/1", sampleSet()))
	f.Fuzz(func(t *testing.T, text []byte) {
		set, err := trust.ParseMemberSet(text)
		if err == nil && !set.Equal(sampleSet()) {
			t.Fatalf("believed: %+v", set)
		}
	})
}

// FuzzConfig: a configuration that is taken works.
func FuzzConfig(f *testing.F) {
	f.Add([]byte("cluster: a\ndomains: [example.com]\n"))
	f.Add([]byte("cluster: a\ndomains: ['[::1]']\nadvertise: '[::1]:5060'\nports: {sip: 1}\nregistrar: {minExpires: 1, maxContacts: 60}\nlogLevel: warn\n"))
	f.Add([]byte("{cluster: a, domains: [b], aliases: ['c:1'], drainSeconds: 0, maxRingSeconds: 86400, udpLoops: 256}"))
	f.Add([]byte("{cluster: a, domains: [b], listeners: [{name: a, port: 5070}, {name: b, protocol: UDP, port: 5071, advertise: 'c:1'}]}"))
	f.Add([]byte("{cluster: a, domains: [b], listeners: [" + allFive + "]}"))
	f.Add([]byte("{cluster: a, domains: [b], listeners: [{name: a, protocol: WSS, proxyProtocol: ['::/0'], webSocket: {path: /a, origins: ['https://[::1]:1']}, tls: {certificates: [a, b], minVersion: '1.3', clientCA: c, clientAuth: Optional, clientNames: [d, 'sip:e@f']}}]}"))
	f.Add([]byte("{cluster: a, domains: [b], authentication: {open: true}}"))
	f.Add([]byte("{cluster: a, domains: [b], authentication: {digest: {algorithms: [MD5], nonceSeconds: 30}, credentials: {http: {url: 'https://c/d', caFile: e}, staleSeconds: 0}, domains: [{domain: B., realm: r}], trusted: [{prefix: '::/0', identity: Any}], outside: Challenge, calls: {perMinute: 9}}}"))
	f.Fuzz(func(t *testing.T, text []byte) {
		c, err := ParseConfig(text)
		if err != nil {
			return
		}
		if err := c.Validate(); err != nil {
			t.Fatalf("taken, and not valid: %v", err)
		}
		for _, a := range append([]string{c.Advertise}, c.Aliases...) {
			if host, port, err := SplitAdvertise(a, c.Ports.SIP); a != "" && (err != nil || host == "" || port < 1 || port > 65535) {
				t.Fatalf("%q is %q, %d, %v", a, host, port, err)
			}
		}
		checkListeners(t, c)
		if _, waiting := c.Reload(c); len(waiting) > 0 {
			t.Fatalf("it differs from itself in %v", waiting)
		}
	})
}

// checkListeners: each has a port of its own, and what its protocol needs.
func checkListeners(t *testing.T, c *Config) {
	t.Helper()
	type place struct {
		reliable bool
		port     int
	}
	places := map[place]bool{{true, c.Ports.Peer}: true, {true, c.Ports.Health}: true, {true, c.Ports.Admin}: true}
	for _, l := range c.ListenersIn(nil) {
		at := place{l.Transport().Reliable(), l.Port}
		if places[at] || l.Port < 1 || l.Port > 65535 {
			t.Fatalf("%+v has no port of its own", l)
		}
		places[at] = true
		if l.Transport().String() != l.Protocol || l.Transport().Secure() != (l.TLS != nil) {
			t.Fatalf("%+v has no TLS, or is not of its protocol", l)
		}
		if from, err := l.ProxyFrom(); err != nil || len(from) != len(l.ProxyProtocol) {
			t.Fatalf("%+v: %v, %v", l, from, err)
		}
	}
	if c.Ports.SIP != c.ListenersIn(nil)[0].Port {
		t.Fatalf("ports.sip is %d", c.Ports.SIP)
	}
}

// FuzzTrust: what passes as trust.json believes no set that nobody signed.
func FuzzTrust(f *testing.F) {
	good, _ := (&Keys{Keys: []Key{fixedKey(1)}}).Trust(identity).Marshal() // plain data
	unsigned, _ := sampleSet().Marshal()
	f.Add(good)
	f.Add([]byte(`{"cluster": "a", "keys": ["AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		trust, err := ParseTrust(text)
		if err != nil {
			return
		}
		if set, err := trust.ParseMemberSet(unsigned); err == nil {
			t.Fatalf("believed: %+v", set)
		}
	})
}
