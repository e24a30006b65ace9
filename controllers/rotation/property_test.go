package rotation

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/sipring/sipring/proxy/config"
)

// running is a proxy that takes the Secret now and then. said is what its Lease says,
// which may be what it had before.
type running struct {
	keys   *config.Keys
	said   []string
	silent bool // an older version
	age    time.Duration
}

// TestRotationPartsNobody: whatever happens in whatever order, short of a person's
// edits, proxies verify what the others sign and what each has signed for as long as it
// may be asked for, the Secret is never full, and every request comes to an end.
func TestRotationPartsNobody(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t)
		t.Repeat(map[string]func(*rapid.T){
			"operator": func(*rapid.T) { w.operate() },
			"kubelet":  func(t *rapid.T) { w.sync(w.some(t)) },
			"says":     func(t *rapid.T) { w.say(w.some(t)) },
			"starts":   func(t *rapid.T) { w.start(rapid.Bool().Draw(t, "silent")) },
			"ends":     func(t *rapid.T) { w.stop(w.some(t)) },
			"asks":     func(t *rapid.T) { w.request = fmt.Sprint(rapid.IntRange(0, 3).Draw(t, "request")) },
			"time":     func(t *rapid.T) { w.pass(time.Duration(rapid.IntRange(1, 60).Draw(t, "minutes")) * time.Minute) },
			"":         func(t *rapid.T) { w.check(t) },
		})
		w.settle(t)
	})
}

type world struct {
	keys     *config.Keys
	record   string
	request  string
	now      time.Time
	proxies  map[string]*running
	started  int
	signedBy map[string]time.Time // when a key signed last
	ended    bool
}

func newWorld(t *rapid.T) *world {
	w := &world{keys: config.NewKeys(), now: time.Unix(1e9, 0), proxies: map[string]*running{}, signedBy: map[string]time.Time{}}
	for range rapid.IntRange(0, 3).Draw(t, "proxies") {
		w.start(rapid.Bool().Draw(t, "silent"))
	}
	return w
}

func (w *world) some(t *rapid.T) *running {
	if len(w.proxies) == 0 {
		return nil
	}
	return w.proxies[rapid.SampledFrom(w.names()).Draw(t, "proxy")]
}

func (w *world) names() []string {
	var names []string
	for name := range w.proxies {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func (w *world) start(silent bool) {
	p := &running{keys: w.keys, silent: silent}
	w.proxies[fmt.Sprintf("ring-%d", w.started)] = p
	w.started++
	w.say(p)
}

func (w *world) stop(p *running) {
	for name, other := range w.proxies {
		if other == p {
			delete(w.proxies, name)
		}
	}
}

func (w *world) sync(p *running) {
	if p != nil {
		p.keys, p.age = w.keys, 0
	}
}

func (w *world) say(p *running) {
	if p != nil && !p.silent {
		p.said = p.keys.Names()
	}
}

// pass has time go by. A kubelet is no later than Patience with what changed.
func (w *world) pass(d time.Duration) {
	for range int(d / time.Minute) {
		w.now = w.now.Add(time.Minute)
		for _, p := range w.proxies {
			if p.keys == w.keys {
				continue
			}
			if p.age += time.Minute; p.age >= Patience-time.Minute && p.silent {
				w.sync(p)
			}
		}
		w.sign()
	}
}

func (w *world) sign() {
	for _, p := range w.proxies {
		w.signedBy[p.keys.Names()[0]] = w.now
	}
}

func (w *world) operate() {
	w.sign()
	in := Input{Keys: w.keys, Names: (*config.Keys).Names, Record: ParseRecord(w.record), Request: w.request, Life: life, Now: w.now}
	for _, name := range w.names() {
		in.Proxies = append(in.Proxies, Proxy{Name: name, Keys: w.proxies[name].said})
	}
	r := Next(in)
	w.ended = r.Step == Ended
	if r.Write {
		w.record = r.Record.String()
		if r.Step == Added || r.Step == Promoted || r.Step == Retired {
			w.keys = r.Keys
		}
	}
}

func (w *world) check(t *rapid.T) {
	if err := w.keys.Validate(); err != nil {
		t.Fatal(err)
	}
	if len(w.keys.Keys) > 2 {
		t.Fatalf("%d keys", len(w.keys.Keys))
	}
	for a, p := range w.proxies {
		for b, q := range w.proxies {
			if !slices.Contains(q.keys.Names(), p.keys.Names()[0]) {
				t.Fatalf("%s with %v does not verify what %s with %v signs", b, q.keys.Names(), a, p.keys.Names())
			}
		}
		for key, at := range w.signedBy {
			if w.now.Sub(at) < life && !slices.Contains(p.keys.Names(), key) {
				t.Fatalf("%s signed %s ago, and %s does not verify it", key, w.now.Sub(at), a)
			}
		}
	}
}

// settle: with nothing else in the way, the last request ends.
func (w *world) settle(t *rapid.T) {
	w.request = "last"
	for range 100 {
		w.operate()
		if w.ended && ParseRecord(w.record).Request == "last" {
			if len(w.keys.Keys) != 1 {
				t.Fatalf("it ended with %d keys", len(w.keys.Keys))
			}
			return
		}
		for _, p := range w.proxies {
			w.sync(p)
			w.say(p)
		}
		w.pass(life / 4)
		w.check(t)
	}
	t.Fatalf("it does not end: %s", w.record)
}

// TestAnyRecord: whatever somebody wrote into the record, what the Secret gets can be
// used, the key that the rotation brings stays, and there is an end.
func TestAnyRecord(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		keys := config.NewKeys()
		for range rapid.IntRange(0, config.MaxKeys-1).Draw(t, "more") {
			keys, _ = keys.Added()
		}
		now := time.Unix(1e9, 0)
		name := rapid.SampledFrom(append(keys.Names(), "", "9-00000000"))
		at := rapid.Custom(func(t *rapid.T) time.Time {
			return now.Add(time.Duration(rapid.IntRange(-100, 100).Draw(t, "hours")) * time.Hour)
		})
		record := Record{
			Request: rapid.SampledFrom([]string{"", "1", "2"}).Draw(t, "request"), Key: name.Draw(t, "key"),
			Retires: rapid.SliceOfN(name, 0, 6).Draw(t, "retires"), Keys: rapid.SliceOfN(name, 0, 6).Draw(t, "keys"),
			Since: at.Draw(t, "since"), Signing: at.Draw(t, "signing"),
		}.String()
		for range 20 {
			in := Input{Keys: keys, Names: (*config.Keys).Names, Record: ParseRecord(record), Request: "2", Life: life, Now: now}
			r := Next(in)
			if err := r.Keys.Validate(); err != nil {
				t.Fatalf("%s: %v", record, err)
			}
			if key := r.Record.Key; key != "" && !slices.Contains(r.Keys.Names(), key) {
				t.Fatalf("%s: %s is gone", record, key)
			}
			if r.Phase == Current && !r.Write {
				return
			}
			keys, record, now = r.Keys, r.Record.String(), now.Add(life)
		}
		t.Fatalf("it does not end: %s", record)
	})
}
