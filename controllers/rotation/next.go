package rotation

import (
	"slices"
	"time"

	"github.com/sipring/sipring/proxy/config"
)

// Patience is how long a proxy may take to have what the Secret holds: the kubelet
// brings it within two minutes. One that says which keys it has is waited for beyond
// that, and told of. One that does not, as before it could, has them by then.
const Patience = 5 * time.Minute

// Phase of a rotation.
type Phase string

// Phases, in their order.
const (
	// Current: none is under way.
	Current Phase = "Current"
	// Adding: the Secret has the new key, which nobody uses before all know it.
	Adding Phase = "Adding"
	// Promoting: the new key signs wherever the Secret has come.
	Promoting Phase = "Promoting"
	// Retiring: the new key signs everywhere. The old ones verify while anything that
	// they signed may be asked for, and are taken out of the Secret then.
	Retiring Phase = "Retiring"
)

// Step is what one decision does.
type Step int

// Steps.
const (
	// None: there is something to wait for, or nothing to do.
	None Step = iota
	// Added: a new key is in the Secret.
	Added
	// Promoted: the new key is the first one.
	Promoted
	// Retired: the old keys are no longer there.
	Retired
	// Ended: no proxy has the old keys any more.
	Ended
	// GivenUp: somebody has taken the new key out of the Secret.
	GivenUp
)

// Input is what a decision is made from.
type Input struct {
	// Keys are those in the Secret.
	Keys *config.Keys
	// Names gives keys the names that proxies call them by, in their order.
	Names func(*config.Keys) []string
	// Record is the one beside the keys.
	Record Record
	// Request asks for a rotation unless it is that of the Record; empty asks for none.
	Request string
	// Hurry is the request whose old keys go as soon as the new one signs everywhere.
	Hurry string
	// Life is for how long what a key signed may be asked for.
	Life time.Duration
	// Proxies are those that run, or may be about to.
	Proxies []Proxy
	Now     time.Time
}

// Proxy is a pod with a proxy.
type Proxy struct {
	Name string
	// Keys are the names of those that it says it has in force; nil: it does not say.
	Keys []string
}

// Result of a decision.
type Result struct {
	Step Step
	// Keys and Record are what the Secret is to hold; Write: it does not yet.
	Keys   *config.Keys
	Record Record
	Write  bool
	// Phase that the rotation is in then.
	Phase Phase
	// RetireAt is when the old keys go, if all goes well; zero outside of Retiring.
	RetireAt time.Time
	// Behind are the proxies that say they have other keys, though all had Patience.
	Behind []string
	// Full: a rotation is asked for, and there is no room for another key.
	Full bool
}

// Next decides on the next step, if it is time for one.
func Next(in Input) Result {
	in.Now = in.Now.UTC().Truncate(time.Second) // as the record has it
	d := decision{Input: in, names: in.Names(in.Keys), next: in.Record, keys: in.Keys}
	step := d.decide()
	r := Result{Step: step, Keys: d.keys, Record: d.next, Write: step != None || !d.next.equal(in.Record), Full: d.full}
	r.Phase = phase(d.next, in.Names(d.keys))
	if r.Phase == Retiring && step != Retired && d.contains(d.next.Retires) {
		r.RetireAt = d.retireAt()
	}
	if r.Phase != Current && step == None && !in.Now.Before(d.next.Since.Add(Patience)) {
		r.Behind = d.behind()
	}
	return r
}

// decision is one under way.
type decision struct {
	Input
	names []string // of the keys in the Secret
	next  Record
	keys  *config.Keys
	full  bool
}

// decide makes one step at the most: the one after it waits for all proxies.
func (d *decision) decide() Step {
	if d.next.Key == "" {
		return d.begin()
	}
	if !slices.Contains(d.names, d.next.Key) {
		d.end()
		return GivenUp
	}
	d.look()
	if !d.allHaveIt() {
		return None
	}
	switch {
	case d.names[0] != d.next.Key:
		return d.promote()
	case !d.contains(d.next.Retires):
		d.end()
		return Ended
	case d.next.Signing.IsZero():
		d.next.Signing = d.Now
	}
	if d.Now.Before(d.retireAt()) {
		return None
	}
	return d.retire()
}

// look notes what is in the Secret where that is another thing than was noted: a
// person wrote it. A time that is still to come is that of a clock that was wrong, and
// the new key is none that goes, whatever the record says.
func (d *decision) look() {
	if slices.Contains(d.next.Retires, d.next.Key) {
		d.next.Retires = slices.DeleteFunc(slices.Clone(d.next.Retires), func(name string) bool { return name == d.next.Key })
	}
	if !slices.Equal(d.names, d.next.Keys) || d.next.Since.After(d.Now) {
		d.next.Keys, d.next.Since = d.names, d.Now
	}
	if d.next.Signing.After(d.Now) {
		d.next.Signing = d.Now
	}
	if d.names[0] != d.next.Key {
		d.next.Signing = time.Time{}
	}
}

// begin adds a key if that is asked for. Whatever the proxies have, it parts none
// from the others: none uses it yet.
func (d *decision) begin() Step {
	if d.Request == "" || d.Request == d.next.Request {
		return None
	}
	added, err := d.keys.Added()
	if err != nil {
		d.full = true
		return None
	}
	d.next = Record{Request: d.Request, Retires: d.names, Made: d.next.made(d.names)}
	d.put(added)
	d.next.Key = d.next.Keys[len(d.next.Keys)-1]
	if d.next.Made == nil {
		d.next.Made = map[string]time.Time{}
	}
	d.next.Made[d.next.Key] = d.Now
	return Added
}

func (d *decision) promote() Step {
	at := slices.Index(d.names, d.next.Key)
	d.put(&config.Keys{Keys: slices.Concat(d.keys.Keys[at:at+1], d.keys.Keys[:at], d.keys.Keys[at+1:])})
	return Promoted
}

// retire takes out what was there when the rotation began. What a person has added
// since is theirs.
func (d *decision) retire() Step {
	var left []config.Key
	for i, key := range d.keys.Keys {
		if !slices.Contains(d.next.Retires, d.names[i]) {
			left = append(left, key)
		}
	}
	d.put(&config.Keys{Keys: left})
	return Retired
}

func (d *decision) put(keys *config.Keys) {
	d.keys = keys
	d.next.Keys, d.next.Since = d.Names(keys), d.Now
}

// end leaves of the record that the request was carried out.
func (d *decision) end() {
	d.next = Record{Request: d.next.Request, Keys: d.names, Since: d.Now, Made: d.next.made(d.names)}
}

// allHaveIt says that every proxy has what the Secret holds.
func (d *decision) allHaveIt() bool {
	late := !d.Now.Before(d.next.Since.Add(Patience))
	return !slices.ContainsFunc(d.Proxies, func(p Proxy) bool {
		return p.Keys == nil && !late || p.Keys != nil && !slices.Equal(p.Keys, d.names)
	})
}

func (d *decision) behind() []string {
	var names []string
	for _, p := range d.Proxies {
		if p.Keys != nil && !slices.Equal(p.Keys, d.names) {
			names = append(names, p.Name)
		}
	}
	return names
}

// retireAt is when nothing is asked for any more that an old key signed.
func (d *decision) retireAt() time.Time {
	if d.Hurry != "" && d.Hurry == d.next.Request {
		return d.next.Signing
	}
	return d.next.Signing.Add(d.Life)
}

// contains tells whether one of the keys is in the Secret.
func (d *decision) contains(keys []string) bool {
	return slices.ContainsFunc(keys, func(name string) bool { return slices.Contains(d.names, name) })
}

// phase is what the record says of the keys with the names.
func phase(r Record, names []string) Phase {
	switch {
	case r.Key == "":
		return Current
	case names[0] != r.Key:
		return Adding
	case r.Signing.IsZero():
		return Promoting
	}
	return Retiring
}
