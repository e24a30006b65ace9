package peer

import (
	"encoding/json"
	"fmt"
	"net"
	"time"
)

// protocolVersion of the peer stream. Members of different versions run side
// by side during an update, so a change must stay readable by the version
// before it or be negotiated here.
const protocolVersion = 1

// maxHello bounds the first message of a stream, in bytes.
const maxHello = 4096

// hello is the first message in both directions of a stream.
type hello struct {
	Version     int    `json:"version"`
	Cluster     string `json:"cluster"`
	ID          uint32 `json:"id"`
	Name        string `json:"name"`
	Incarnation uint64 `json:"incarnation"`
	Epoch       uint64 `json:"epoch"`
	Synced      bool   `json:"synced"`
	Leaving     bool   `json:"leaving"`
}

// check says why the stream must not be used, given who we are.
func (h *hello) check(self *hello) error {
	switch {
	case h.Version != protocolVersion:
		return fmt.Errorf("peer %q speaks protocol %d, this member %d", h.Name, h.Version, protocolVersion)
	case h.Cluster != self.Cluster:
		return fmt.Errorf("peer %q belongs to cluster %q, this member to %q", h.Name, h.Cluster, self.Cluster)
	case h.ID == self.ID:
		return fmt.Errorf("peer %q has this member's own id %d", h.Name, h.ID)
	case h.ID == 0 || h.Incarnation == 0:
		return fmt.Errorf("peer %q sent no id or incarnation", h.Name)
	}
	return nil
}

// exchange sends our hello and reads theirs, both within the timeout.
func exchange(conn net.Conn, self *hello, timeout time.Duration) (*hello, error) {
	if err := conn.SetDeadline(time.Now().Add(timeout)); err != nil {
		return nil, err
	}
	out, err := json.Marshal(self)
	if err != nil {
		return nil, err
	}
	if _, err := conn.Write(appendFrame(nil, kindHello, out)); err != nil {
		return nil, fmt.Errorf("send hello: %w", err)
	}
	kind, payload, err := readFrame(conn, make([]byte, 0, 256), maxHello)
	if err != nil {
		return nil, fmt.Errorf("read hello: %w", err)
	}
	theirs := &hello{}
	if kind != kindHello {
		return nil, fmt.Errorf("first frame has kind %d, not hello", kind)
	}
	if err := json.Unmarshal(payload, theirs); err != nil {
		return nil, fmt.Errorf("parse hello: %w", err)
	}
	if err := theirs.check(self); err != nil {
		return nil, err
	}
	return theirs, conn.SetDeadline(time.Time{})
}
