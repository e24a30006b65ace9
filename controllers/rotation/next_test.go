package rotation

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sipring/sipring/proxy/config"
)

const life = 25 * time.Hour

// secret is what the operator reads and writes, with proxies that read it.
type secret struct {
	t       *testing.T
	keys    *config.Keys
	record  string
	request string
	hurry   string
	life    time.Duration
	now     time.Time
	proxies []Proxy
}

func newSecret(t *testing.T, proxies ...string) *secret {
	s := &secret{t: t, keys: config.NewKeys(), now: time.Date(2026, 5, 4, 3, 2, 1, 999, time.Local), life: life}
	for _, name := range proxies {
		s.proxies = append(s.proxies, Proxy{Name: name})
	}
	s.report(proxies...)
	return s
}

// report has proxies say that they have what the Secret holds.
func (s *secret) report(names ...string) {
	for i := range s.proxies {
		if slices.Contains(names, s.proxies[i].Name) {
			s.proxies[i].Keys = s.keys.Names()
		}
	}
}

// next makes a decision and writes it, as an operator does that remembers nothing.
func (s *secret) next() Result {
	s.t.Helper()
	r := Next(Input{
		Keys: s.keys, Names: (*config.Keys).Names, Record: ParseRecord(s.record), Request: s.request, Hurry: s.hurry,
		Life: s.life, Proxies: s.proxies, Now: s.now,
	})
	if err := r.Keys.Validate(); err != nil {
		s.t.Fatalf("step %d: %v", r.Step, err)
	}
	if r.Write {
		s.keys, s.record = r.Keys, r.Record.String()
	} else if !cmp.Equal(r.Keys, s.keys) || r.Record.String() != ParseRecord(s.record).String() {
		s.t.Fatalf("step %d changes something that is not written", r.Step)
	}
	return r
}

// want is the next decision.
func (s *secret) want(step Step, phase Phase) Result {
	s.t.Helper()
	r := s.next()
	if r.Step != step || r.Phase != phase {
		s.t.Fatalf("step %d, phase %s, want %d, %s; %s of %v", r.Step, r.Phase, step, phase, s.record, s.keys.Names())
	}
	return r
}

func (s *secret) holds(names ...string) {
	s.t.Helper()
	if d := cmp.Diff(names, s.keys.Names()); d != "" {
		s.t.Fatalf("the Secret holds (-want +got):\n%s", d)
	}
}

// TestWholeRotation: nothing is done unasked, each step waits for the last proxy, the
// old key goes when what it signed is out of use, and one request is one rotation.
func TestWholeRotation(t *testing.T) {
	s := newSecret(t, "ring-0", "ring-1", "ring-2")
	s.want(None, Current)
	old := s.keys.Names()[0]
	s.request = "leak"
	s.want(Added, Adding)
	added, made := s.keys.Names()[1], s.now.UTC().Truncate(time.Second)
	s.holds(old, added)

	inTurn := func(phase Phase) {
		t.Helper()
		s.want(None, phase)
		s.report("ring-0", "ring-2")
		s.now = s.now.Add(life) // time alone changes nothing
		s.want(None, phase)
		s.report("ring-1")
	}
	inTurn(Adding)
	s.want(Promoted, Promoting)
	s.holds(added, old)
	inTurn(Promoting)
	if r := s.want(None, Retiring); !r.Write || !r.RetireAt.Equal(s.now.Add(life).Truncate(time.Second)) {
		t.Errorf("retires at %s, it is %s", r.RetireAt, s.now)
	}
	s.now = s.now.Add(life - time.Second)
	if r := s.want(None, Retiring); r.Write {
		t.Error("something is written while there is only time to pass")
	}
	s.now = s.now.Add(time.Second)
	s.want(Retired, Retiring)
	s.holds(added)
	inTurn(Retiring)
	s.want(Ended, Current)
	s.want(None, Current)
	s.request = ""
	s.want(None, Current)
	s.holds(added)
	s.request = "leak" // an old request that comes back is none
	s.want(None, Current)
	if d := cmp.Diff(map[string]time.Time{added: made}, ParseRecord(s.record).Made); d != "" {
		t.Errorf("when the key was made (-want +got):\n%s", d)
	}
	s.request, s.now = "next", s.now.Add(time.Hour)
	s.want(Added, Adding)
	if at := ParseRecord(s.record).Made; len(at) != 2 || !at[added].Equal(made) {
		t.Errorf("when both were made: %v", at)
	}
}

// TestNextRequestWaits until the one before is carried out.
func TestNextRequestWaits(t *testing.T) {
	s := newSecret(t, "ring-0")
	s.request, s.life = "1", 0
	s.want(Added, Adding)
	s.request = "2"
	for _, step := range []Step{Promoted, Retired, Ended} {
		s.want(None, phase(ParseRecord(s.record), s.keys.Names()))
		s.report("ring-0")
		if r := s.next(); r.Step != step || r.Record.Request != "1" {
			t.Fatalf("step %d of request %q, want %d of 1", r.Step, r.Record.Request, step)
		}
	}
	if r := s.want(Added, Adding); r.Record.Request != "2" {
		t.Errorf("carries out %q", r.Record.Request)
	}
}

// TestHurry: the old key goes as soon as the new one signs everywhere, and only for the
// request that was named.
func TestHurry(t *testing.T) {
	s := newSecret(t, "ring-0")
	s.request, s.hurry = "leak", "another"
	for _, step := range []Step{Added, Promoted} {
		s.next()
		if s.want(None, phase(ParseRecord(s.record), s.keys.Names())); len(s.keys.Keys) != 2 {
			t.Fatalf("%d keys after step %d", len(s.keys.Keys), step)
		}
		s.report("ring-0")
	}
	s.want(None, Retiring)
	s.hurry = "leak"
	s.want(Retired, Retiring)
}

// TestOlderProxies do not say which keys they have: they get the time that the kubelet
// takes. One that says, and has others, is waited for, and named.
func TestOlderProxies(t *testing.T) {
	s := newSecret(t, "ring-0", "ring-1")
	s.request = "1"
	s.proxies[1].Keys = nil
	s.want(Added, Adding)
	s.now = s.now.Add(Patience - time.Second)
	s.want(None, Adding)
	s.now = s.now.Add(time.Second)
	if r := s.want(None, Adding); !slices.Equal(r.Behind, []string{"ring-0"}) {
		t.Errorf("behind are %v", r.Behind)
	}
	s.report("ring-0")
	if r := s.want(Promoted, Promoting); r.Behind != nil {
		t.Errorf("behind are %v", r.Behind)
	}
	if r := s.want(None, Promoting); r.Behind != nil {
		t.Errorf("behind at once are %v", r.Behind)
	}
}

// TestNobodyRuns: no proxy is waited for where there is none.
func TestNobodyRuns(t *testing.T) {
	s := newSecret(t)
	s.request, s.hurry = "1", "1"
	s.want(Added, Adding)
	s.want(Promoted, Promoting)
	s.want(Retired, Retiring)
	s.want(Ended, Current)
}

// TestHandEdits: what a person writes stands.
func TestHandEdits(t *testing.T) {
	foreign := config.NewKeys().Keys[0]
	foreign.ID = 77
	for name, tt := range map[string]struct {
		steps int // before the edit
		life  time.Duration
		edit  func(*config.Keys)
		want  func(s *secret, old, added string)
	}{
		"the new key is taken out": {
			steps: 1, edit: func(k *config.Keys) { k.Keys = k.Keys[:1] },
			want: func(s *secret, old, _ string) {
				s.want(GivenUp, Current)
				s.want(None, Current)
				s.holds(old)
			},
		},
		"promoted": {
			steps: 1, life: life, edit: func(k *config.Keys) { slices.Reverse(k.Keys) },
			want: func(s *secret, old, added string) {
				s.want(None, Promoting)
				s.report("ring-0")
				s.want(None, Retiring)
				s.holds(added, old)
			},
		},
		"retired": {
			steps: 2, edit: func(k *config.Keys) { k.Keys = k.Keys[:1] },
			want: func(s *secret, _, added string) {
				s.want(None, Promoting)
				s.report("ring-0")
				s.want(Ended, Current)
				s.holds(added)
			},
		},
		"another one added": {
			steps: 2, edit: func(k *config.Keys) { k.Keys = append(k.Keys, foreign) },
			want: func(s *secret, _, added string) {
				s.want(None, Promoting)
				s.report("ring-0")
				s.want(Retired, Retiring)
				s.holds(added, foreign.Name())
			},
		},
		"all replaced": {
			steps: 1, edit: func(k *config.Keys) { k.Keys = []config.Key{foreign} },
			want: func(s *secret, _, _ string) {
				s.want(GivenUp, Current)
				s.want(None, Current)
				s.holds(foreign.Name())
			},
		},
		"promoted, with proxies that do not say": {
			steps: 1, edit: func(k *config.Keys) { slices.Reverse(k.Keys) },
			want: func(s *secret, _, _ string) {
				s.proxies[0].Keys = nil
				s.now = s.now.Add(2 * Patience) // they have had no time since the edit
				s.want(None, Promoting)
				s.now = s.now.Add(Patience)
				s.want(Retired, Retiring)
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSecret(t, "ring-0")
			s.request, s.life = "1", tt.life
			old := s.keys.Names()[0]
			added := s.want(Added, Adding).Record.Key
			s.report("ring-0")
			for range tt.steps - 1 {
				s.next()
				s.report("ring-0")
			}
			edited := &config.Keys{Keys: slices.Clone(s.keys.Keys)}
			tt.edit(edited)
			s.keys = edited
			tt.want(s, old, added)
		})
	}
}

// TestNoRoom: a file that is full is not added to, and the request waits.
func TestNoRoom(t *testing.T) {
	s := newSecret(t, "ring-0")
	for len(s.keys.Keys) < config.MaxKeys {
		s.keys, _ = s.keys.Added()
	}
	s.request = "1"
	if r := s.want(None, Current); !r.Full || r.Write {
		t.Errorf("%+v", r)
	}
	s.keys, _ = s.keys.Retired()
	s.want(Added, Adding)
}

// TestWrongClock: a record of a clock that was ahead holds nothing up for longer than
// one of now.
func TestWrongClock(t *testing.T) {
	s := newSecret(t, "ring-0")
	s.request = "1"
	s.proxies[0].Keys = nil
	s.now = s.now.AddDate(10, 0, 0)
	s.want(Added, Adding)
	s.now = s.now.AddDate(-10, 0, 0)
	s.want(None, Adding)
	s.now = s.now.Add(Patience)
	s.want(Promoted, Promoting)
	s.now = s.now.AddDate(10, 0, 0)
	s.want(None, Retiring)
	s.now = s.now.AddDate(-10, 0, 0)
	s.want(None, Retiring)
	s.now = s.now.Add(life + Patience)
	s.want(Retired, Retiring)
}

// TestParseRecord: what is none is that of keys that were never rotated.
func TestParseRecord(t *testing.T) {
	r := Record{
		Request: "leak", Key: "2-00ff00ff", Retires: []string{"1-0a1b2c3d"}, Keys: []string{"2-00ff00ff", "1-0a1b2c3d"},
		Since: time.Date(2026, 5, 4, 3, 2, 1, 0, time.UTC), Signing: time.Date(2026, 5, 4, 3, 4, 5, 0, time.UTC),
		Made: map[string]time.Time{"2-00ff00ff": time.Date(2026, 5, 4, 3, 2, 1, 0, time.UTC)},
	}
	if d := cmp.Diff(r, ParseRecord(r.String())); d != "" {
		t.Errorf("read back (-want +got):\n%s", d)
	}
	for _, text := range []string{"", "{", "[]", `{"since": "yesterday"}`, `{"key": 1}`, (Record{}).String()} {
		if got := ParseRecord(text); !got.equal(Record{}) {
			t.Errorf("%q is %+v", text, got)
		}
	}
}
