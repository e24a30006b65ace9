package command

import (
	"reflect"
	"slices"

	"github.com/sipring/sipring/proxy/config"
	"github.com/sipring/sipring/proxy/keyset"
	"github.com/sipring/sipring/proxy/token"
)

// rekey takes the key file as it is now.
func (p *proxy) rekey(content []byte, err error) {
	var next *config.Keys
	if err == nil {
		next, err = parseKeys(p.options.keys, content)
	}
	if err != nil {
		p.log.Warn("keys ignored: those in force stay", "file", p.options.keys, "error", err)
		return
	}
	before := p.keys.Load()
	if reflect.DeepEqual(before, next) {
		return
	}
	p.putKeys(next)
	p.useKeys()
	p.log.Info("keys applied", "signs", next.Keys[0].ID, "verify", keyIDs(next))
	if !overlap(before, next) {
		p.log.Warn("all keys were replaced at once: members that do not have the new ones are cut off until they do, and calls in progress are not recognised")
	}
}

// putKeys puts keys in force, for whoever asks for them from now on.
func (p *proxy) putKeys(keys *config.Keys) {
	p.keys.Store(keys)
	p.metrics.keys.show(keys)
}

// useKeys has everything that uses keys use those in force, and tells which they are.
// Before the start there is nothing that uses them.
func (p *proxy) useKeys() {
	p.rekeying.Lock()
	defer p.rekeying.Unlock()
	node, keys := p.node.Load(), p.keys.Load()
	if node != nil {
		if err := p.tokens.Replace(derived(keys, config.PurposeToken)); err != nil {
			p.log.Error("keys not used for tokens and branches", "error", err)
			return
		}
		if err := p.access.nonces.Replace(derived(keys, config.PurposeNonce)); err != nil {
			p.log.Error("keys not used for nonces", "error", err)
			return
		}
		if err := node.SetKeys(keys); err != nil {
			p.log.Error("keys not used between members", "error", err)
			return
		}
	}
	p.tellKeys()
}

// tellKeys tells whoever rotates the cluster's keys which are in force here: the next
// step is made when all have the one before.
func (p *proxy) tellKeys() {
	if p.lease == nil {
		return
	}
	if keys := p.keys.Load(); keys != nil {
		p.lease.Keys(keys.Names())
	}
}

// tellTrust tells whoever rotates the keys that sign member sets which are believed
// here.
func (p *proxy) tellTrust() {
	if p.lease == nil {
		return
	}
	if trust := p.trust.Load(); trust != nil {
		p.lease.Trust(trust.Names())
	}
}

// newTokenKeys derives the keys of tokens and branches.
func newTokenKeys(k *config.Keys) (*token.Keys, error) {
	return token.NewKeys(derived(k, config.PurposeToken))
}

// derived are the keys of one purpose.
func derived(k *config.Keys, purpose string) []keyset.Key {
	keys := make([]keyset.Key, 0, len(k.Keys))
	for _, key := range k.Keys {
		one := keyset.Key{ID: key.ID}
		copy(one.Secret[:], key.Derive(purpose))
		keys = append(keys, one)
	}
	return keys
}

// keyIDs are the numbers of the keys that verify.
func keyIDs(k *config.Keys) []uint8 {
	var ids []uint8
	for _, key := range k.Keys {
		ids = append(ids, key.ID)
	}
	return ids
}

// overlap tells whether a key of one is among those of the other.
func overlap(a, b *config.Keys) bool {
	return slices.ContainsFunc(a.Keys, func(x config.Key) bool {
		return slices.ContainsFunc(b.Keys, func(y config.Key) bool { return reflect.DeepEqual(x, y) })
	})
}
