package peer

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/sipring/sipring/proxy/config"
)

// protocolVersion of the peer stream, and the oldest that this version still speaks.
// Members of two versions run side by side during an update: a change either stays
// readable by the version before (it ignores further fields of a hello, and counts
// frames of kinds that it does not know), or it is told by a field of the hello, as
// Beats is, or it raises protocolVersion and leaves oldestProtocol, until the next
// minor version, at what the one before speaks.
const (
	protocolVersion = 3
	oldestProtocol  = 3
)

// maxHello bounds the first message of a stream, in bytes.
const maxHello = 4096

// hello is the first message in both directions of a stream.
type hello struct {
	Version int `json:"version"`
	// Oldest is the lowest version that this member speaks too; 0: only Version.
	Oldest      int    `json:"oldest,omitempty"`
	Cluster     string `json:"cluster"`
	ID          uint32 `json:"id"`
	Name        string `json:"name"`
	Incarnation uint64 `json:"incarnation"`
	Epoch       uint64 `json:"epoch"`
	Synced      bool   `json:"synced"`
	Leaving     bool   `json:"leaving"`
	// Ring is that of the member set in force, of which two that hold a binding
	// must think alike; nil where there is none yet, or from an older version.
	Ring *config.Ring `json:"ring,omitempty"`
	// Beats: this member reads pings that say when the next one comes.
	Beats bool `json:"beats,omitempty"`
	// Clocks: it also reads those that then say what time it is.
	Clocks bool `json:"clocks,omitempty"`
	// Vouches: this member answers who asks for members that it never met.
	Vouches bool `json:"vouches,omitempty"`
	// Proofs: this member reads updates that prove something, and records of what was
	// proved. Beside one that does not, nothing is used up by what proves it.
	Proofs bool `json:"proofs,omitempty"`
}

// check says why the stream must not be used, given who we are.
func (h *hello) check(self *hello) error {
	switch {
	case h.oldest() > self.Version || h.Version < self.oldest():
		return fmt.Errorf("peer %q speaks protocol %d to %d, this member %d to %d: they are more than one minor version apart",
			h.Name, h.oldest(), h.Version, self.oldest(), self.Version)
	case h.Cluster != self.Cluster:
		return fmt.Errorf("peer %q belongs to cluster %q, this member to %q", h.Name, h.Cluster, self.Cluster)
	case h.ID == self.ID:
		return fmt.Errorf("peer %q has this member's own id %d", h.Name, h.ID)
	case h.ID == 0 || h.Incarnation == 0:
		return fmt.Errorf("peer %q sent no id or incarnation", h.Name)
	}
	if h.Ring != nil && self.Ring != nil {
		if err := h.Ring.Follows(*self.Ring); err != nil {
			return fmt.Errorf("peer %q has another ring: %w", h.Name, err)
		}
	}
	return nil
}

func (h *hello) oldest() int { return cmp.Or(h.Oldest, h.Version) }

// errNotListed is the word of a peer that its member set is older than ours, and
// that we are not in it.
var errNotListed = errors.New("not in the peer's member set: it got ours")

// greet is the handshake of the side that dials, within the timeout: our hello,
// then theirs, which says that they take us, then a ping, which says that we
// live: so they never take up the stream of a process that died or gave up
// meanwhile. One that has an older set without us gets ours.
func greet(conn net.Conn, self *hello, set func() []byte, timeout time.Duration) (*hello, error) {
	if err := conn.SetDeadline(time.Now().Add(timeout)); err != nil {
		return nil, err
	}
	if err := sendHello(conn, self); err != nil {
		return nil, err
	}
	theirs, err := readHello(conn, self)
	if errors.Is(err, errNotListed) {
		_, failed := conn.Write(appendFrame(nil, kindMembers, set()))
		return nil, errors.Join(err, failed)
	}
	if err != nil {
		return nil, err
	}
	if _, err := conn.Write(appendPing(nil, self.Epoch)); err != nil {
		return nil, fmt.Errorf("confirm: %w", err)
	}
	return theirs, conn.SetDeadline(time.Time{})
}

// answer is the handshake of the side that is dialled, within the timeout.
// admit says why the peer must not be answered. learn takes the member set of one
// that is refused because our set is too old to have it.
func answer(conn net.Conn, self *hello, admit func(*hello) error, learn func([]byte), timeout time.Duration) (*hello, error) {
	if err := conn.SetDeadline(time.Now().Add(timeout)); err != nil {
		return nil, err
	}
	theirs, err := readHello(conn, self)
	if err != nil {
		return nil, err
	}
	if err := admit(theirs); err != nil {
		if errors.Is(err, errUnlisted) && theirs.Epoch > self.Epoch {
			askForSet(conn, learn)
		}
		return nil, err
	}
	if err := sendHello(conn, self); err != nil {
		return nil, err
	}
	kind, _, err := readFrame(conn, nil, maxHello)
	if err != nil {
		return nil, fmt.Errorf("await confirmation: %w", err)
	}
	if kind != kindPing {
		return nil, fmt.Errorf("frame of kind %d is no confirmation", kind)
	}
	return theirs, conn.SetDeadline(time.Time{})
}

func askForSet(conn net.Conn, learn func([]byte)) {
	if _, err := conn.Write(appendFrame(nil, kindUnlisted, nil)); err != nil {
		return
	}
	if kind, payload, err := readFrame(conn, nil, maxFrame); err == nil && kind == kindMembers {
		learn(payload)
	}
}

func sendHello(conn net.Conn, self *hello) error {
	out, err := json.Marshal(self)
	if err != nil {
		return err
	}
	if _, err := conn.Write(appendFrame(nil, kindHello, out)); err != nil {
		return fmt.Errorf("send hello: %w", err)
	}
	return nil
}

func readHello(conn net.Conn, self *hello) (*hello, error) {
	kind, payload, err := readFrame(conn, make([]byte, 0, 256), maxHello)
	if err != nil {
		return nil, fmt.Errorf("read hello: %w", err)
	}
	if kind == kindUnlisted {
		return nil, errNotListed
	}
	if kind != kindHello {
		return nil, fmt.Errorf("first frame has kind %d, not hello", kind)
	}
	theirs := &hello{}
	if err := json.Unmarshal(payload, theirs); err != nil {
		return nil, fmt.Errorf("parse hello: %w", err)
	}
	if err := theirs.check(self); err != nil {
		return nil, err
	}
	return theirs, nil
}
