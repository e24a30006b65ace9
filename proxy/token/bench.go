package token

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"hash"
)

// Purposes: the first byte of every MAC input, so that a MAC made for one is
// worth nothing for another. A changed format takes a new byte.
const (
	purposeToken  = 't'
	purposeTx     = 'x'
	purposeTarget = 'g'
	purposeLoop   = 'l'
	purposeBranch = 'b'
)

// encoding is base64url without padding. Strict, so that spare bits are zero
// and no two texts decode to the same bytes.
var encoding = base64.RawURLEncoding.Strict()

// bench is a workplace: one MAC state per key and room for what is signed. It
// is reused so that signing does not allocate.
type bench struct {
	macs []hash.Hash // in the order of Keys.ids
	mac  hash.Hash   // the one in use
	sum  [sha256.Size]byte
	buf  [1 + maxBinary]byte // purpose, then content
	n    int                 // bytes of buf that are filled
}

func newBench(keys []Key) *bench {
	b := &bench{}
	for _, key := range keys {
		b.macs = append(b.macs, hmac.New(sha256.New, key.Secret[:]))
	}
	return b
}

func (k *Keys) take() *bench { return k.pool.Get().(*bench) }

func (k *Keys) put(b *bench) { k.pool.Put(b) }

// begin starts a MAC under the key at a place in Keys.ids.
func (b *bench) begin(key int, purpose byte) {
	b.mac = b.macs[key]
	b.mac.Reset()
	b.buf[0] = purpose
	b.n = 1
}

// flush feeds the MAC what is buffered.
func (b *bench) flush() {
	b.mac.Write(b.buf[:b.n])
	b.n = 0
}

// number adds an integer to the MAC's input.
func (b *bench) number(v uint64) {
	if len(b.buf)-b.n < binary.MaxVarintLen64 {
		b.flush()
	}
	b.n += binary.PutUvarint(b.buf[b.n:], v)
}

// field adds bytes of any length, preceded by it so that no two lists of
// fields give the same input.
func (b *bench) field(v []byte) {
	b.number(uint64(len(v)))
	for len(v) > 0 {
		if b.n == len(b.buf) {
			b.flush()
		}
		n := copy(b.buf[b.n:], v)
		b.n += n
		v = v[n:]
	}
}

// folded adds a field whose ASCII letters compare without case.
func (b *bench) folded(v []byte) {
	b.number(uint64(len(v)))
	for _, c := range v {
		if b.n == len(b.buf) {
			b.flush()
		}
		b.buf[b.n] = lower(c)
		b.n++
	}
}

// finish returns the MAC, valid until the bench is used again.
func (b *bench) finish() []byte {
	b.flush()
	return b.mac.Sum(b.sum[:0])
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}
