package location

import (
	"net/netip"
	"slices"
	"testing"

	"github.com/sipring/sipring/proxy/flow"
)

// A phone that has lost its connection registers over another one, most often with
// another port in its contact. It is one phone, and rings once.
func TestReconnectedPhoneHasOneBinding(t *testing.T) {
	by := func(conn uint64, u Update) Update {
		if conn > 0 {
			u.Flow = flow.Flow{Transport: flow.TCP, Remote: netip.MustParseAddrPort("192.0.2.7:40000"), Conn: conn, Owner: 1, Life: 2}
		}
		return u
	}
	desk := func(uri string, expires uint32) ContactUpdate { return outbound(uri, "<urn:uuid:1>", 0, expires) }
	mobile := func(uri string, expires uint32) ContactUpdate { return outbound(uri, "<urn:uuid:2>", 0, expires) }
	for name, tt := range map[string]story{
		"over another connection": {
			steps: []step{{update: by(1, register("a", 1, desk("sip:a@1", 60)))}, {update: by(2, register("a", 2, desk("sip:a@2", 60)))}},
			want:  []string{"sip:a@2 60 2"},
		},
		"with another Call-ID": {
			steps: []step{{update: by(1, register("a", 7, desk("sip:a@1", 60)))}, {update: by(2, register("b", 2, desk("sip:a@2", 60)))}},
			want:  []string{"sip:a@2 60 2"},
		},
		"the one before is late": {
			steps: []step{{update: by(2, register("a", 2, desk("sip:a@2", 60)))}, {update: by(1, register("a", 1, desk("sip:a@1", 60))), want: 500}},
			want:  []string{"sip:a@2 60 2"},
		},
		"and back": {
			steps: []step{
				{update: by(1, register("a", 1, desk("sip:a@1", 60)))},
				{update: by(2, register("a", 2, desk("sip:a@2", 60)))},
				{update: by(3, register("a", 3, desk("sip:a@1", 60)))},
			},
			want: []string{"sip:a@1 60 3"},
		},
		"another phone": {
			steps: []step{{update: by(1, register("a", 1, desk("sip:a@1", 60)))}, {update: by(2, register("b", 1, mobile("sip:a@2", 60)))}},
			want:  []string{"sip:a@1 60 1", "sip:a@2 60 1"},
		},
		"two contacts over one connection": {
			steps: []step{{update: by(1, register("a", 1, desk("sip:a@1", 60), desk("sips:a@1", 60)))}},
			want:  []string{"sip:a@1 60 1", "sips:a@1 60 1"},
		},
		"one that is taken back": {
			steps: []step{{update: by(1, register("a", 1, desk("sip:a@1", 60)))}, {update: by(2, register("b", 1, desk("sip:a@2", 0)))}},
			want:  []string{"sip:a@1 60 1"},
		},
		"without an instance": {
			steps: []step{{update: by(1, register("a", 1, contact("sip:a@1", 60)))}, {update: by(2, register("a", 2, contact("sip:a@2", 60)))}},
			want:  []string{"sip:a@1 60 1", "sip:a@2 60 2"},
		},
		"without an instance, the same contact": {
			steps: []step{{update: by(1, register("a", 1, contact("sip:a@1", 60)))}, {update: by(2, register("a", 2, contact("sip:a@1", 60)))}},
			want:  []string{"sip:a@1 60 2"},
		},
		"several flows at a time": {
			steps: []step{
				{update: by(1, register("a", 1, outbound("sip:a@1", "<urn:uuid:1>", 1, 60)))},
				{update: by(2, register("a", 2, outbound("sip:a@2", "<urn:uuid:1>", 2, 60)))},
			},
			want: []string{"sip:a@1 60 1", "sip:a@2 60 2"},
		},
		"one of them anew": {
			steps: []step{
				{update: by(1, register("a", 1, outbound("sip:a@1", "<urn:uuid:1>", 1, 60)))},
				{update: by(2, register("a", 2, outbound("sip:a@2", "<urn:uuid:1>", 2, 60)))},
				{update: by(3, register("a", 3, outbound("sip:a@3", "<urn:uuid:1>", 1, 60)))},
			},
			want: []string{"sip:a@2 60 2", "sip:a@3 60 3"},
		},
		"over UDP": {
			steps: []step{{update: by(0, register("a", 1, desk("sip:a@1", 60)))}, {update: by(0, register("a", 2, desk("sip:a@2", 60)))}},
			want:  []string{"sip:a@1 60 1", "sip:a@2 60 2"},
		},
		"from UDP to a connection": {
			steps: []step{{update: by(0, register("a", 1, desk("sip:a@1", 60)))}, {update: by(2, register("a", 2, desk("sip:a@2", 60)))}},
			want:  []string{"sip:a@1 60 1", "sip:a@2 60 2"},
		},
	} {
		t.Run(name, tt.check)
	}
}

// The connection that a phone has given up for another one is told, unless the record has
// another binding over it.
func TestReplacedConnections(t *testing.T) {
	const phone, second = "<urn:uuid:1>", "<urn:uuid:2>"
	type step struct {
		conn uint64
		Update
	}
	for name, tt := range map[string]struct {
		steps []step
		want  []uint64 // of the last
	}{
		"the first":                        {[]step{{1, register("a", 1, contact("sip:a@1", 60))}}, nil},
		"refreshed":                        {[]step{{1, register("a", 1, contact("sip:a@1", 60))}, {1, register("a", 2, contact("sip:a@1", 60))}}, nil},
		"the same contact":                 {[]step{{1, register("a", 1, contact("sip:a@1", 60))}, {2, register("a", 2, contact("sip:a@1", 60))}}, []uint64{1}},
		"the same contact by another call": {[]step{{1, register("a", 1, contact("sip:a@1", 60))}, {2, register("b", 2, contact("sip:a@1", 60))}}, []uint64{1}},
		"the same phone":                   {[]step{{1, register("a", 1, outbound("sip:a@1", phone, 0, 60))}, {2, register("a", 2, outbound("sip:a@2", phone, 0, 60))}}, []uint64{1}},
		"the same flow of RFC 5626":        {[]step{{1, register("a", 1, outbound("sip:a@1", phone, 1, 60))}, {2, register("a", 2, outbound("sip:a@2", phone, 1, 60))}}, []uint64{1}},
		"another flow of RFC 5626":         {[]step{{1, register("a", 1, outbound("sip:a@1", phone, 1, 60))}, {2, register("a", 2, outbound("sip:a@2", phone, 2, 60))}}, nil},
		"another phone":                    {[]step{{1, register("a", 1, outbound("sip:a@1", phone, 0, 60))}, {2, register("b", 2, outbound("sip:a@2", second, 0, 60))}}, nil},
		"no longer":                        {[]step{{1, register("a", 1, contact("sip:a@1", 60))}, {2, register("a", 2, contact("sip:a@1", 0))}}, nil},
		"once more":                        {[]step{{1, register("a", 1, contact("sip:a@1", 60))}, {2, register("a", 2, contact("sip:a@1", 0))}, {3, register("a", 3, contact("sip:a@1", 60))}}, nil},
		"from UDP":                         {[]step{{0, register("a", 1, contact("sip:a@1", 60))}, {2, register("a", 2, contact("sip:a@1", 60))}}, nil},
		"to UDP":                           {[]step{{1, register("a", 1, contact("sip:a@1", 60))}, {0, register("a", 2, contact("sip:a@1", 60))}}, []uint64{1}},
		"one of two over it":               {[]step{{1, register("a", 1, contact("sip:a@1", 60), contact("sip:b@1", 60))}, {2, register("a", 2, contact("sip:a@1", 60))}}, nil},
		"both over it":                     {[]step{{1, register("a", 1, contact("sip:a@1", 60), contact("sip:b@1", 60))}, {2, register("a", 2, contact("sip:a@1", 60), contact("sip:b@1", 60))}}, []uint64{1}},
		"out of order":                     {[]step{{2, register("a", 2, contact("sip:a@1", 60))}, {1, register("a", 1, contact("sip:a@1", 60))}}, nil},
	} {
		var r Record
		var res Result
		for _, s := range tt.steps {
			if s.conn > 0 {
				s.Flow = flow.Flow{Transport: flow.TCP, Remote: netip.MustParseAddrPort("192.0.2.7:40000"), Conn: s.conn, Owner: 1, Life: 2}
			}
			r, res = applied(start, r, &s.Update, Limits{}, 5, 9)
		}
		var got []uint64
		for _, f := range res.Replaced {
			got = append(got, f.Conn)
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("%s: %v, want %v", name, got, tt.want)
		}
	}
}
