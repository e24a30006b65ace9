package server

import (
	"math/rand/v2"
	"testing"

	"github.com/sipring/sipring/proxy/digest"
)

// holder is a phone that registers with the nonce that it was given last.
type holder struct {
	*phone
	account    *account
	challenge  *received
	challenges int
	cseq       int
	used       string // credentials that a registration went through with
}

// refresh registers at a member, and answers a challenge there.
func (h *holder) refresh(x *proxy) {
	h.t.Helper()
	for range 2 {
		h.cseq++
		lines := []string{"Contact: <" + h.contact() + ">", "Expires: 300"}
		if h.challenge != nil {
			lines = append(lines, h.account.proof(h.t, h.challenge, "REGISTER", "sip:example.com"))
		}
		h.sendRaw(x.addr, h.registerText("c", h.cseq, lines...))
		r := h.receive(patience)
		if r == nil {
			h.t.Fatal("no answer")
		}
		if r.StatusCode() == 200 {
			h.used = lines[len(lines)-1]
			return
		}
		h.challenge, h.account.count = r, 0
		h.challenges++
	}
	h.t.Fatalf("%s is challenged though it has answered", h.user)
}

// TestNoncesOutliveARotation: members get other keys one after the other, a step at a time, while
// phones hold nonces and register wherever they like. None is challenged for it before the key
// that its nonce was made with is gone, and then once; what was used before stays used.
func TestNoncesOutliveARotation(t *testing.T) {
	t.Parallel()
	first, second := digest.Key{ID: 1, Secret: [32]byte{9}}, digest.Key{ID: 2, Secret: [32]byte{8}}
	mem, u := newMemory(), &users{}
	var x []*proxy
	var keys []*digest.Keys
	for id := range uint32(3) {
		k, err := digest.NewKeys([]digest.Key{first})
		if err != nil {
			t.Fatal(err)
		}
		keys, x = append(keys, k), append(x, startMember(t, mem, id+1, guardBy(t, k, u, nil)))
	}
	var all []*holder
	come := func(at *proxy) {
		for range 5 {
			p := newPhone(t, unique("alice"))
			h := &holder{phone: p, account: p.account()}
			h.refresh(at)
			all = append(all, h)
		}
	}
	come(x[0])
	everybody := func(when string, challenges int) {
		t.Helper()
		for _, h := range all {
			h.refresh(x[rand.IntN(len(x))])
			if h.challenges > challenges {
				t.Errorf("%s: %s was challenged %d times, want %d", when, h.user, h.challenges, challenges)
			}
		}
	}
	replayed := func(when string) {
		t.Helper()
		for _, h := range all {
			thief := newPhone(t, h.user)
			for _, member := range x {
				thief.sendRaw(member.addr, thief.registerText(unique("t"), 1, "Contact: <"+thief.contact()+">", "Expires: 300", h.used))
				thief.status(401)
			}
		}
	}
	everybody("before", 1)
	for _, step := range []struct {
		title      string
		keys       []digest.Key
		challenges int
	}{{"the next one is known", []digest.Key{first, second}, 1}, {"the next one signs", []digest.Key{second, first}, 1}, {"the first one is gone", []digest.Key{second}, 2}} {
		for i := range keys {
			if err := keys[i].Replace(step.keys); err != nil {
				t.Fatal(err)
			}
			come(x[i])
			everybody(step.title, step.challenges)
		}
		replayed(step.title)
	}
	everybody("after", 2)
}
