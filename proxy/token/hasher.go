package token

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"hash"

	"github.com/sipring/sipring/proxy/keyset"
	"github.com/sipring/sipring/proxy/wire"
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

// hasher is a workplace: one MAC state per key and room for what is signed. It
// is reused so that signing does not allocate.
type hasher struct {
	*keyset.Set[*hasher]
	macs []hash.Hash // in the order of its ids
	mac  hash.Hash   // the one in use
	sum  [sha256.Size]byte
	buf  [1 + maxBinary]byte // purpose, then content
	n    int                 // bytes of buf that are filled
	masker
}

func newHasher(of *keyset.Set[*hasher], keys []Key) *hasher {
	h := &hasher{Set: of}
	for _, key := range keys {
		h.macs = append(h.macs, hmac.New(sha256.New, key.Secret[:]))
	}
	return h
}

func (k *Keys) take() *hasher { return k.keys.Take() }

// put gives h back to the keys that it works with, valid or not any more.
func (k *Keys) put(h *hasher) { h.Put(h) }

// begin starts a MAC under the key at a place in ids.
func (h *hasher) begin(key int, purpose byte) {
	h.mac = h.macs[key]
	h.mac.Reset()
	h.buf[0] = purpose
	h.n = 1
}

// bind adds what the MAC vouches for though the content does not hold it. It
// comes after begin, and leaves what buf holds behind the purpose as it is.
func (h *hasher) bind(v []byte) {
	h.mac.Write(h.buf[:1])
	h.mac.Write(binary.AppendUvarint(h.sum[:0], uint64(len(v))))
	h.mac.Write(v)
}

// flush feeds the MAC what is buffered.
func (h *hasher) flush() {
	h.mac.Write(h.buf[:h.n])
	h.n = 0
}

// number adds an integer to the MAC's input.
func (h *hasher) number(v uint64) {
	if len(h.buf)-h.n < binary.MaxVarintLen64 {
		h.flush()
	}
	h.n += binary.PutUvarint(h.buf[h.n:], v)
}

// field adds bytes of any length, preceded by it so that no two lists of
// fields give the same input.
func (h *hasher) field(v []byte) {
	h.number(uint64(len(v)))
	for len(v) > 0 {
		if h.n == len(h.buf) {
			h.flush()
		}
		n := copy(h.buf[h.n:], v)
		h.n += n
		v = v[n:]
	}
}

// folded adds a field whose ASCII letters compare without case.
func (h *hasher) folded(v []byte) {
	h.number(uint64(len(v)))
	for _, c := range v {
		if h.n == len(h.buf) {
			h.flush()
		}
		h.buf[h.n] = wire.Lower(c)
		h.n++
	}
}

// finish returns the MAC, valid until the hasher is used again.
func (h *hasher) finish() []byte {
	h.flush()
	return h.mac.Sum(h.sum[:0])
}
